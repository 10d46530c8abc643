package config

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"

	"milena/internal/vfs"
)

// Load reads the files and gives what a client needs. Errors name the key.
func (t *ZooKeeperTLS) Load(fsys vfs.FS) (*tls.Config, error) {
	c := tlsVersions(t.Protocols)
	c.InsecureSkipVerify = t.AnyHostname
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
	var err error
	c.CipherSuites, err = cipherSuites("zookeeper.ssl.cipher.suites", t.CipherSuites)
	return c, err
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
