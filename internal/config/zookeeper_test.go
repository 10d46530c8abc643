package config

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"milena/internal/vfs"
)

func TestZooKeeperConnect(t *testing.T) {
	for _, c := range []struct {
		connect string
		servers string
		chroot  string
		refused string
	}{
		{"localhost:2181", "localhost:2181", "", ""},
		{"a", "a:2181", "", ""},
		{"a:1,b:2, c", "a:1,b:2,c:2181", "", ""},
		{"a:1,b:2/kafka", "a:1,b:2", "/kafka", ""},
		{"a:1/kafka/one/", "a:1", "/kafka/one", ""},
		{"a:1/", "a:1", "", ""},
		{"[::1]:2181,[::2]", "[::1]:2181,[::2]:2181", "", ""},
		{"::1", "", "", "an IPv6 address stands in brackets"},
		{"a:1,", "", "", `"" is not host:port`},
		{"a:b", "", "", `"a:b" is not host:port`},
		{"a:0", "", "", `"a:0" is not host:port`},
		{"a:1//b", "", "", "the chroot //b"},
		{"/kafka", "", "", `"" is not host:port`},
	} {
		b, _, err := load(t, "log.dirs=/tmp/x\nzookeeper.connect="+c.connect)
		if c.refused != "" {
			if err == nil || !strings.Contains(err.Error(), c.refused) || !strings.Contains(err.Error(), "zookeeper.connect") {
				t.Errorf("%s: %v, want %s", c.connect, err, c.refused)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", c.connect, err)
			continue
		}
		if got := strings.Join(b.ZooKeeper.Servers, ","); got != c.servers || b.ZooKeeper.Chroot != c.chroot {
			t.Errorf("%s: %s %s", c.connect, got, b.ZooKeeper.Chroot)
		}
	}
}

func TestZooKeeperKeys(t *testing.T) {
	const base = "log.dirs=/tmp/x\nzookeeper.connect=a:1\n"
	b, warnings, err := load(t, base+"zookeeper.session.timeout.ms=7000\nzookeeper.set.acl=true\nmilena.zookeeper.user=kafka\n"+
		"milena.zookeeper.password=secret\nzookeeper.max.in.flight.requests=3")
	if err != nil || len(warnings) != 0 {
		t.Fatal(err, warnings)
	}
	z := b.ZooKeeper
	if b.SessionTimeoutMs != 7000 || z.ConnectionTimeoutMs != 7000 || z.MaxInFlightRequests != 3 || !z.SetACL || z.User != "kafka" ||
		z.Password != "secret" || z.JuteMaxBuffer != 1048575 || z.TLS != nil {
		t.Errorf("%+v, session %d", z, b.SessionTimeoutMs)
	}
	for lines, want := range map[string]string{
		"zookeeper.set.acl=true":                    "ZooKeeper would not know who we are",
		"milena.coordination.etcd.endpoints=b:2379": "are both set",
		"milena.zookeeper.user=a:b":                 "no colon",
		"zookeeper.ssl.client.enable=true\nzookeeper.ssl.truststore.location=/x.jks":                 "only PEM is read",
		"zookeeper.ssl.client.enable=true\nzookeeper.ssl.keystore.location=/x.p12":                   "only PEM is read",
		"zookeeper.ssl.client.enable=true\nzookeeper.ssl.ocsp.enable=true":                           "were revoked",
		"zookeeper.ssl.client.enable=true\nzookeeper.ssl.enabled.protocols=TLSv1.1":                  "are spoken",
		"zookeeper.ssl.client.enable=true\nzookeeper.ssl.endpoint.identification.algorithm=NONSENSE": "HTTPS, or nothing",
	} {
		if _, _, err := load(t, base+lines); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", lines, err, want)
		}
	}
	b, warnings, err = load(t, base+"process.roles=broker,controller\nnode.id=1\ncontroller.listener.names=C\nlisteners=PLAINTEXT://:1,C://:2\n"+
		"listener.security.protocol.map=PLAINTEXT:PLAINTEXT,C:PLAINTEXT\ncontroller.quorum.voters=1@localhost:2")
	if err != nil || len(b.ZooKeeper.Servers) != 0 || len(warnings) != 1 || !strings.Contains(warnings[0], "zookeeper.connect is passed over") {
		t.Error(err, warnings)
	}
}

// TestZooKeeperTLSFiles reads one file with key and certificate, in both of its roles.
func TestZooKeeperTLSFiles(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), IsCA: true, BasicConstraintsValid: true}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	certificatePEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate})
	file := func(name string, parts ...[]byte) string {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, slices.Concat(parts...), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	both := file("both.pem", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), certificatePEM)
	b, _, err := load(t, "log.dirs=/tmp/x\nzookeeper.connect=a:1\nzookeeper.ssl.client.enable=true\nzookeeper.ssl.keystore.location="+both+
		"\nzookeeper.ssl.truststore.location="+both+"\nzookeeper.ssl.endpoint.identification.algorithm=\n"+
		"zookeeper.ssl.cipher.suites=TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256")
	if err != nil {
		t.Fatal(err)
	}
	c, err := b.ZooKeeper.TLS.Load(vfs.OS{})
	if err != nil || len(c.Certificates) != 1 || c.RootCAs == nil || len(c.CipherSuites) != 1 || c.VerifyConnection == nil {
		t.Errorf("%+v, %v", c, err)
	}
	encrypted := file("encrypted.pem", pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: der}), certificatePEM)
	for want, config := range map[string]ZooKeeperTLS{
		"private key is encrypted":           {Keystore: encrypted},
		"keystore.location":                  {Keystore: file("only.pem", certificatePEM)},
		"holds no certificate":               {Truststore: file("empty.pem")},
		"zookeeper.ssl.truststore.location:": {Truststore: "/nowhere.pem"},
		"not a cipher suite":                 {CipherSuites: []string{"TLS_NONE"}},
	} {
		if _, err := config.Load(vfs.OS{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}
