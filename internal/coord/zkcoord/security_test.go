//go:build oracle

package zkcoord

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"milena/internal/coord"
	"milena/test/kafka"
	"milena/test/zookeeper"
)

// TestDigest: what a user made is that user's.
func TestDigest(t *testing.T) {
	chroot := newChroot()
	options := Options{Servers: []string{single.Address()}, Chroot: chroot}
	anyone := open(t, options)
	options.Username, options.Password = "kafka", "secret"
	options.Access = func(path string) Access {
		return map[string]Access{"/readable": Readable, "/secret": Secret}[path]
	}
	owner := open(t, options)
	session, err := owner.NewSession(t.Context(), 10_000)
	must(t, err)
	_, err = owner.Multi(t.Context(), coord.Create{Path: "/open"}, coord.Create{Path: "/readable"},
		coord.Create{Path: "/secret", Session: session})
	must(t, err)
	for path, want := range map[string]struct{ get, set error }{
		"/open": {nil, nil}, "/readable": {nil, coord.ErrDenied}, "/secret": {coord.ErrDenied, coord.ErrDenied},
	} {
		if _, err := anyone.Get(t.Context(), path); !errors.Is(err, want.get) {
			t.Errorf("get %s: %v", path, err)
		}
		if _, err := anyone.Set(t.Context(), path, nil, coord.AnyVersion); !errors.Is(err, want.set) {
			t.Errorf("set %s: %v", path, err)
		}
		if _, err := owner.Set(t.Context(), path, nil, coord.AnyVersion); err != nil {
			t.Errorf("the owner sets %s: %v", path, err)
		}
	}
	acl, _, err := owner.main.client().GetACL(chroot + "/readable")
	if err != nil || len(acl) != 2 || acl[0].Scheme != "digest" || acl[1].Scheme != "world" || acl[1].Perms != 1 {
		t.Errorf("%+v, %v", acl, err)
	}
	if acl, _, err = owner.main.client().GetACL(chroot + "/open"); err != nil || fmt.Sprint(acl) != "[{31 world anyone}]" {
		t.Errorf("%+v, %v", acl, err)
	}
}

// TestLimits: the servers' own limit is known before they are asked, for they would answer by hanging up.
func TestLimits(t *testing.T) {
	s := open(t, Options{Servers: []string{single.Address()}, Chroot: newChroot()})
	_, err := s.Create(t.Context(), coord.Create{Path: "/big", Data: make([]byte, DefaultMaxRequestBytes)})
	if !errors.Is(err, coord.ErrTooLarge) || !strings.Contains(err.Error(), "milena.zookeeper.jute.maxbuffer") {
		t.Error(err)
	}
	_, err = s.Create(t.Context(), coord.Create{Path: "/large", Data: make([]byte, DefaultMaxRequestBytes-200)})
	must(t, err)
	must(t, s.Delete(t.Context(), "/large", 0))
	const count, width = 12_000, 200
	for from := 0; from < count; from += 2000 {
		var ops []coord.Op
		for i := from; i < from+2000; i++ {
			ops = append(ops, coord.Create{Path: fmt.Sprintf("/%0*d", width, i)})
		}
		_, err := s.Multi(t.Context(), ops...)
		must(t, err)
	}
	if names, err := s.Children(t.Context(), "/"); len(names) != count || err != nil { // more than jute.maxbuffer
		t.Errorf("%d children, %v", len(names), err)
	}
}

// TestOldServer: the ZooKeeper of Kafka 2.4 knows no persistent watches.
func TestOldServer(t *testing.T) {
	t.Parallel()
	server := &zookeeper.Server{Version: kafka.V2, Dir: t.TempDir(), Port: firstPort + 30}
	must(t, server.Start(t.Context()))
	t.Cleanup(func() { _ = server.Kill() })
	_, err := Open(t.Context(), Options{Servers: []string{server.Address()}})
	if err == nil || !strings.Contains(err.Error(), "version 3.6 or later is needed") {
		t.Error(err)
	}
}

// TestTLS: both sides show certificates.
func TestTLS(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	must(t, err)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	must(t, err)
	keyPEM, certificatePEM := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate})
	keystore, truststore := filepath.Join(dir, "key.pem"), filepath.Join(dir, "trust.pem")
	must(t, os.WriteFile(keystore, slices.Concat(keyPEM, certificatePEM), 0o600))
	must(t, os.WriteFile(truststore, certificatePEM, 0o600))
	server := &zookeeper.Server{Dir: dir, Port: firstPort + 40, Lines: []string{
		fmt.Sprintf("secureClientPort=%d", firstPort+41), "secureClientPortAddress=127.0.0.1",
		"serverCnxnFactory=org.apache.zookeeper.server.NettyServerCnxnFactory",
		"ssl.keyStore.location=" + keystore, "ssl.trustStore.location=" + truststore, "ssl.clientAuth=need",
	}}
	must(t, server.Start(t.Context()))
	t.Cleanup(func() { _ = server.Kill() })
	pair, err := tls.X509KeyPair(certificatePEM, keyPEM)
	must(t, err)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(certificatePEM)
	secure := []string{fmt.Sprintf("127.0.0.1:%d", firstPort+41)}
	s := open(t, Options{Servers: secure, TLS: &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{pair}}})
	_, err = s.Create(t.Context(), coord.Create{Path: "/n", Data: []byte("by TLS")})
	must(t, err)
	for what, config := range map[string]*tls.Config{
		"an unknown server": {Certificates: []tls.Certificate{pair}},
		"no certificate":    {RootCAs: roots, MaxVersion: tls.VersionTLS12},
	} {
		_, err := Open(t.Context(), Options{Servers: secure, TLS: config, ConnectTimeout: 2 * time.Second})
		if !errors.Is(err, coord.ErrUnavailable) || !strings.Contains(err.Error(), "tls:") {
			t.Errorf("%s: %v", what, err)
		}
	}
}
