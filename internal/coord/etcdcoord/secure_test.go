package etcdcoord

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"milena/internal/coord"
)

// authority signs certificates for loopback.
type authority struct {
	t    testing.TB
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t testing.TB) *authority {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"}, NotAfter: time.Now().Add(time.Hour), IsCA: true,
		BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	must(t, err)
	cert, err := x509.ParseCertificate(der)
	must(t, err)
	return &authority{t: t, cert: cert, key: key}
}

// keystore is a new key with its certificate, in PEM.
func (a *authority) keystore(serial int64) []byte {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(a.t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "node"}, NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{"localhost"},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, key.Public(), a.key)
	must(a.t, err)
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	must(a.t, err)
	return append(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}),
		pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
}

func (a *authority) truststore() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.cert.Raw})
}

// tls is what a node with the authority's certificate uses; trusted is whom it trusts.
func (a *authority) tls(trusted *authority) *TLS {
	pair := a.keystore(2)
	cert, err := tls.X509KeyPair(pair, pair)
	must(a.t, err)
	pool := x509.NewCertPool()
	pool.AddCert(trusted.cert)
	return &TLS{
		Server: &tls.Config{
			Certificates: []tls.Certificate{cert}, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert, NextProtos: []string{"h2", "http/1.1"},
		},
		Client:      &tls.Config{Certificates: []tls.Certificate{cert}, RootCAs: pool},
		KeystorePEM: string(pair), TruststorePEM: string(trusted.truststore()),
	}
}

// TestSecuredQuorum: members and clients with the right certificates are served, others are refused, with one line.
func TestSecuredQuorum(t *testing.T) {
	ours, theirs := newAuthority(t), newAuthority(t)
	q := newQuorum(t, 3)
	logs := []*journal{{}, {}, {}}
	for i := range q.options {
		quorum := *q.options[i].Quorum
		quorum.TLS = ours.tls(ours)
		q.options[i].Quorum, q.options[i].Logger = &quorum, logs[i].logger()
	}
	q.options[2].Quorum.TLS = theirs.tls(ours) // it trusts the others, they do not trust it
	q.start(0, 1)
	ctx, cancel := context.WithCancel(t.Context())
	stranger := make(chan error, 1)
	go func() {
		_, err := StartEmbedded(ctx, q.options[2])
		stranger <- err
	}()
	logs[2].await(t, "waiting for the other voters", "unknown certificate authority")
	logs[0].await(t, "the controller listener refused a connection", "from=127.0.0.1", "certificate signed by unknown authority")
	write(t, q.running[0], "/secured")
	demand(t, q.running[1], "/secured")

	client := &Quorum{Self: 9, Members: q.options[0].Quorum.Members[:2], TLS: ours.tls(ours)}
	s, err := OpenQuorum(t.Context(), client, nil)
	must(t, err)
	if _, err := s.Get(t.Context(), "/secured"); err != nil {
		t.Error(err)
	}
	must(t, s.Close())
	for name, secured := range map[string]*TLS{"of another authority": theirs.tls(ours), "none": ours.tls(ours), "plain": nil} {
		if name == "none" {
			secured.Client.Certificates = nil
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second) // it waits for voters that let it in
		if s, err := OpenQuorum(ctx, &Quorum{Members: client.Members, TLS: secured}, nil); err == nil {
			t.Errorf("a client with a certificate %s was let in", name)
			_ = s.Close()
		}
		cancel()
	}
	for i := range 2 { // however often it came
		n := 0
		for line := range strings.Lines(logs[i].String()) {
			if strings.Contains(line, "signed by unknown authority") && !strings.Contains(line, "level=DEBUG") {
				n++
			}
		}
		if n != 1 {
			t.Errorf("%d lines about a wrong certificate:\n%s", n, logs[i])
		}
	}
	cancel()
	if err := <-stranger; !errors.Is(err, context.Canceled) {
		t.Errorf("the one with a wrong certificate: %v", err)
	}
}

// TestExternalSecured: an external etcd that asks for certificates, users and passwords.
func TestExternalSecured(t *testing.T) {
	ours := newAuthority(t)
	dir := t.TempDir()
	keystore, truststore := filepath.Join(dir, "keystore.pem"), filepath.Join(dir, "truststore.pem")
	must(t, os.WriteFile(keystore, ours.keystore(3), 0o600))
	must(t, os.WriteFile(truststore, ours.truststore(), 0o600))
	address := securedExternal(t, keystore, truststore)
	root := Options{Endpoints: []string{"https://" + address}, TLS: ours.tls(ours).Client, Prefix: "/ours", RequestTimeout: time.Minute}
	s, err := Open(t.Context(), root)
	must(t, err)
	for _, do := range []func() error{
		func() error { _, err := s.client.UserAdd(t.Context(), "root", "secret"); return err },
		func() error { _, err := s.client.UserGrantRole(t.Context(), "root", "root"); return err },
		func() error { _, err := s.client.RoleAdd(t.Context(), "milena"); return err },
		func() error {
			_, err := s.client.RoleGrantPermission(t.Context(), "milena", "/ours", "/ours0", 2)
			return err
		},
		func() error { _, err := s.client.UserAdd(t.Context(), "milena", "pass"); return err },
		func() error { _, err := s.client.UserGrantRole(t.Context(), "milena", "milena"); return err },
		func() error { _, err := s.client.AuthEnable(t.Context()); return err },
	} {
		if err := do(); err != nil && !strings.Contains(err.Error(), "already exists") {
			t.Fatal(err)
		}
	}
	must(t, s.Close())
	user := root
	user.Username, user.Password = "milena", "pass"
	s, err = Open(t.Context(), user)
	must(t, err)
	defer func() { _ = s.Close() }()
	session, err := s.NewSession(t.Context(), 3000)
	must(t, err)
	watch, err := s.Watch("/brokers", coord.WatchChildren)
	must(t, err)
	_, err = s.Multi(t.Context(), coord.Create{Path: "/brokers"}, coord.Create{Path: "/brokers/1", Session: session})
	must(t, err)
	<-watch.C()
	must(t, session.Close(t.Context()))
	<-watch.C()
	if _, err := s.Get(t.Context(), "/brokers/1"); !errors.Is(err, coord.ErrNoNode) {
		t.Errorf("the session is closed, but %v", err)
	}
	wrong, elsewhere, nobody := user, user, user
	wrong.Password = "wrong"
	elsewhere.Prefix = "/others"
	nobody.Username, nobody.Password = "", ""
	for _, refused := range []struct {
		options Options
		want    string
		denied  bool
	}{{wrong, "authentication failed", false}, {elsewhere, "permission denied", true}, {nobody, "permission denied", true}} {
		_, err := Open(t.Context(), refused.options)
		if err == nil || !strings.Contains(err.Error(), refused.want) || errors.Is(err, coord.ErrDenied) != refused.denied {
			t.Errorf("want %q, got %v", refused.want, err)
		}
	}
}
