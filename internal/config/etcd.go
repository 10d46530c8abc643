package config

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"strings"
	"sync"

	"milena/internal/vfs"
)

// Etcd is an external etcd, and how it is reached. Without Endpoints there is none.
type Etcd struct {
	// Endpoints are URLs or host:port.
	Endpoints []string
	// Prefix is where the cluster's keys are.
	Prefix string
	// User and Password authenticate, where User is not empty.
	User, Password string
	// CACert, Cert and Key are files in PEM; Key is Cert where that file holds both. All may be empty.
	CACert, Cert, Key string
}

const etcdKeys = "milena.coordination.etcd."

func setEtcd(b *Broker, v *Values) error {
	e := &b.Etcd
	e.Endpoints = v.list(etcdKeys + "endpoints")
	e.Prefix = v.text(etcdKeys + "prefix")
	e.User, e.Password = v.text(etcdKeys+"user"), v.text(etcdKeys+"password")
	e.CACert, e.Cert, e.Key = v.text(etcdKeys+"cacert"), v.text(etcdKeys+"cert"), v.text(etcdKeys+"key")
	switch {
	case !strings.HasPrefix(e.Prefix, "/") || strings.HasSuffix(e.Prefix, "/"):
		return &ValueError{etcdKeys + "prefix", e.Prefix, "it begins with a slash and does not end with one"}
	case e.Key != "" && e.Cert == "":
		return conflict("%skey is set, but %scert is not", etcdKeys, etcdKeys)
	case e.Password != "" && e.User == "":
		return conflict("%spassword is set, but %suser is not", etcdKeys, etcdKeys)
	case len(e.Endpoints) > 0 && e.CACert+e.Cert != "" && !e.Secured():
		return conflict("%scacert or %scert is set, but no endpoint begins with https://", etcdKeys, etcdKeys)
	}
	if e.Key == "" {
		e.Key = e.Cert
	}
	return nil
}

// Secured tells whether it is reached by TLS.
func (e *Etcd) Secured() bool {
	for _, endpoint := range e.Endpoints {
		if strings.HasPrefix(endpoint, "https://") {
			return true
		}
	}
	return false
}

// TLS reads the files; nil where TLS is not used. Errors name the key.
func (e *Etcd) TLS(fsys vfs.FS, log *slog.Logger) (*tls.Config, error) {
	if !e.Secured() {
		return nil, nil
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if e.CACert != "" {
		raw, err := readFile(fsys, e.CACert)
		if err != nil {
			return nil, fmt.Errorf("%scacert: %w", etcdKeys, err)
		}
		if c.RootCAs = x509.NewCertPool(); !c.RootCAs.AppendCertsFromPEM(raw) {
			return nil, fmt.Errorf("%scacert: %s holds no certificate in PEM", etcdKeys, e.CACert)
		}
	}
	if e.Cert == "" {
		return c, nil
	}
	store := &liveKeystore{files: []string{e.Cert, e.Key}, what: etcdKeys + "cert", fsys: fsys, log: log}
	if _, err := store.certificate(); err != nil {
		return nil, fmt.Errorf("%scert: %s: %w", etcdKeys, e.Cert, err)
	}
	c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return store.certificate() }
	return c, nil
}

// liveKeystore is a certificate and its private key, in files that may be swapped in place.
type liveKeystore struct {
	files []string // read one after the other
	fixed []byte   // in the place of files
	what  string   // the key that names them
	fsys  vfs.FS
	log   *slog.Logger

	mu   sync.Mutex // guards what follows
	raw  []byte     // what the files held last, good or bad
	last *tls.Certificate
}

// certificate is the present one; an error only where there never was one. What is half swapped leaves the last one in force.
func (s *liveKeystore) certificate() (*tls.Certificate, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	raw, err := s.read()
	if err == nil && s.last != nil && bytes.Equal(raw, s.raw) {
		return s.last, nil
	}
	var c tls.Certificate
	if err == nil {
		s.raw = raw
		c, err = parseKeystore(raw)
	}
	switch {
	case err == nil && s.last != nil:
		s.log.Info("another certificate is in force", "key", s.what, "until", c.Leaf.NotAfter)
		s.last = &c
	case err == nil:
		s.last = &c
	case s.last != nil:
		s.log.Warn("a certificate cannot be read any more; the last one holds", "key", s.what, "error", err)
		return s.last, nil
	}
	return s.last, err
}

func (s *liveKeystore) read() ([]byte, error) {
	all := s.fixed
	for i, file := range s.files {
		if i > 0 && file == s.files[i-1] {
			continue
		}
		raw, err := readFile(s.fsys, file)
		if err != nil {
			return nil, err
		}
		all = append(append(all, raw...), '\n')
	}
	return all, nil
}
