package config

import (
	"bytes"
	"crypto/tls"
	"encoding/pem"
	"errors"
	"slices"

	"milena/internal/vfs"
)

// tlsVersions is a configuration that speaks the protocols, TLSv1.2 and TLSv1.3 or one of them.
func tlsVersions(protocols []string) *tls.Config {
	c := &tls.Config{MinVersion: tls.VersionTLS12, MaxVersion: tls.VersionTLS13}
	if !slices.Contains(protocols, "TLSv1.3") {
		c.MaxVersion = tls.VersionTLS12
	}
	if !slices.Contains(protocols, "TLSv1.2") {
		c.MinVersion = tls.VersionTLS13
	}
	return c
}

// cipherSuites are those named under a key.
func cipherSuites(key string, names []string) (ids []uint16, err error) {
	for _, name := range names {
		i := slices.IndexFunc(tls.CipherSuites(), func(s *tls.CipherSuite) bool { return s.Name == name })
		if i < 0 {
			return nil, &ValueError{key, name, "not a cipher suite that this release has"}
		}
		ids = append(ids, tls.CipherSuites()[i].ID)
	}
	return ids, nil
}

// readKeystore reads a private key and its certificates, in any order, from one file.
func readKeystore(fsys vfs.FS, file string) (tls.Certificate, error) {
	raw, err := readFile(fsys, file)
	if err != nil {
		return tls.Certificate{}, err
	}
	return parseKeystore(raw)
}

func parseKeystore(raw []byte) (tls.Certificate, error) {
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
