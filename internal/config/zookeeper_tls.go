package config

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"

	"milena/internal/vfs"
)

// Load reads the files and gives what a client needs. Errors name the key.
func (t *ZooKeeperTLS) Load(fsys vfs.FS) (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12, MaxVersion: tls.VersionTLS13, InsecureSkipVerify: t.AnyHostname}
	if !slices.Contains(t.Protocols, "TLSv1.3") {
		c.MaxVersion = tls.VersionTLS12
	}
	if !slices.Contains(t.Protocols, "TLSv1.2") {
		c.MinVersion = tls.VersionTLS13
	}
	if t.Truststore != "" {
		raw, err := readFile(fsys, t.Truststore)
		if err != nil {
			return nil, fmt.Errorf("zookeeper.ssl.truststore.location: %w", err)
		}
		if c.RootCAs = x509.NewCertPool(); !c.RootCAs.AppendCertsFromPEM(raw) {
			return nil, fmt.Errorf("zookeeper.ssl.truststore.location: %s holds no certificate in PEM", t.Truststore)
		}
	}
	if t.Keystore != "" {
		certificate, err := readKeystore(fsys, t.Keystore)
		if err != nil {
			return nil, fmt.Errorf("zookeeper.ssl.keystore.location: %s: %w", t.Keystore, err)
		}
		c.Certificates = []tls.Certificate{certificate}
	}
	if t.AnyHostname {
		c.VerifyConnection = verifyChain(c.RootCAs)
	}
	return c, t.setCiphers(c)
}

func (t *ZooKeeperTLS) setCiphers(c *tls.Config) error {
	for _, name := range t.CipherSuites {
		i := slices.IndexFunc(tls.CipherSuites(), func(s *tls.CipherSuite) bool { return s.Name == name })
		if i < 0 {
			return &ValueError{"zookeeper.ssl.cipher.suites", name, "not a cipher suite that this release has"}
		}
		c.CipherSuites = append(c.CipherSuites, tls.CipherSuites()[i].ID)
	}
	return nil
}

// verifyChain checks a server's certificate as always, but for its name.
func verifyChain(roots *x509.CertPool) func(tls.ConnectionState) error {
	return func(state tls.ConnectionState) error {
		options := x509.VerifyOptions{Roots: roots, Intermediates: x509.NewCertPool()}
		for _, c := range state.PeerCertificates[1:] {
			options.Intermediates.AddCert(c)
		}
		_, err := state.PeerCertificates[0].Verify(options)
		return err
	}
}

// readKeystore reads a private key and its certificates, in any order, from one file.
func readKeystore(fsys vfs.FS, file string) (tls.Certificate, error) {
	raw, err := readFile(fsys, file)
	if err != nil {
		return tls.Certificate{}, err
	}
	var key, chain bytes.Buffer
	for block, rest := pem.Decode(raw); block != nil; block, rest = pem.Decode(rest) {
		switch {
		case block.Type == "CERTIFICATE":
			_ = pem.Encode(&chain, block)
		case block.Type == "ENCRYPTED PRIVATE KEY" || block.Headers["DEK-Info"] != "":
			return tls.Certificate{}, errors.New("its private key is encrypted, which this release does not read: openssl pkey -in FILE -out FILE")
		default:
			_ = pem.Encode(&key, block)
		}
	}
	return tls.X509KeyPair(chain.Bytes(), key.Bytes())
}
