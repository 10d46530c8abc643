package config

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"milena/internal/vfs"
)

// pair is a private key and a certificate that signs itself, in PEM.
func pair(t *testing.T, serial int64) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), IsCA: true, BasicConstraintsValid: true, NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"localhost"},
	}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return append(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate})...)
}

const voter = "process.roles=broker,controller\nnode.id=1\nlog.dirs=/tmp/x\ncontroller.listener.names=CONTROLLER\n" +
	"listeners=PLAINTEXT://:1,CONTROLLER://:2\nlistener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:SSL\n" +
	"controller.quorum.voters=1@localhost:2\n"

// TestControllerTLSKeys: the listener's own keys go before the others, and what cannot be used is refused with a way out.
func TestControllerTLSKeys(t *testing.T) {
	b, warnings, err := load(t, voter+"ssl.keystore.location=/general.pem\nlistener.name.controller.ssl.keystore.location=/own.pem\n"+
		"ssl.keystore.type=PEM\nssl.truststore.type=PEM\nssl.truststore.location=/trust.pem\nlistener.name.controller.ssl.client.auth=required")
	if err != nil || len(warnings) > 0 {
		t.Fatal(err, warnings)
	}
	if c := b.ControllerTLS; c.Keystore != "/own.pem" || c.Truststore != "/trust.pem" || c.ClientAuth != "required" {
		t.Errorf("%+v", c)
	}
	_, warnings, err = load(t, voter+"ssl.keystore.location=/own.pem\nssl.keystore.type=PEM")
	if err != nil || len(warnings) != 1 || !strings.Contains(warnings[0], "ssl.client.auth=required") {
		t.Error(err, warnings)
	}
	for lines, want := range map[string]string{
		"":                             "needs a certificate",
		"ssl.keystore.location=/x.jks": "only PEM is read: convert it",
		"ssl.keystore.location=/x.p12\nssl.keystore.type=PKCS12":                                                "openssl pkcs12 -nodes",
		"ssl.keystore.key=x\nssl.keystore.type=PEM":                                                             "must be set together",
		"ssl.keystore.location=/x\nssl.keystore.type=PEM\nssl.client.auth=required":                             "whose certificates to trust",
		"ssl.keystore.location=/x\nssl.keystore.type=PEM\nssl.key.password=x":                                   "encrypted private keys are not read",
		"ssl.keystore.location=/x\nssl.keystore.type=PEM\nssl.endpoint.identification.algorithm=":               "are always checked",
		"ssl.keystore.location=/x\nssl.keystore.type=PEM\nssl.enabled.protocols=TLSv1.1":                        "are spoken",
		"ssl.keystore.location=/x\nssl.keystore.type=PEM\nssl.keystore.key=k\nssl.keystore.certificate.chain=c": "Both SSL keystore location",
	} {
		if _, _, err := load(t, voter+lines); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", lines, err, want)
		}
	}
}

// shake is one handshake; it tells the serial numbers of the certificates that both sides saw.
func shake(t *testing.T, server, client *tls.Config) (ofServer, ofClient int64) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	seen := make(chan int64, 1)
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		s := tls.Server(c, server)
		if err := s.Handshake(); err != nil {
			t.Error(err)
			seen <- -1
			return
		}
		seen <- s.ConnectionState().PeerCertificates[0].SerialNumber.Int64()
	}()
	client = client.Clone()
	client.ServerName = "localhost"
	c, err := tls.Dial("tcp", l.Addr().String(), client)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	return c.ConnectionState().PeerCertificates[0].SerialNumber.Int64(), <-seen
}

// TestControllerTLSSwapped: a keystore that is swapped in place counts from the next connection on; one that is damaged does not.
func TestControllerTLSSwapped(t *testing.T) {
	dir := t.TempDir()
	keystore, truststore := filepath.Join(dir, "key.pem"), filepath.Join(dir, "trust.pem")
	first, second := pair(t, 1), pair(t, 2)
	for file, contents := range map[string][]byte{keystore: first, truststore: append(bytes.Clone(first), second...)} {
		if err := os.WriteFile(file, contents, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	b, _, err := load(t, voter+"ssl.keystore.type=PEM\nssl.truststore.type=PEM\nssl.keystore.location="+keystore+"\nssl.truststore.location="+
		truststore+"\nssl.client.auth=required")
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	server, client, err := b.ControllerTLS.Load(vfs.OS{}, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		contents []byte
		serial   int64
		says     string
	}{{first, 1, ""}, {second, 2, "another certificate is in force"}, {[]byte("rubbish"), 2, "the last one holds"}} {
		if err := os.WriteFile(keystore, step.contents, 0o600); err != nil {
			t.Fatal(err)
		}
		ofServer, ofClient := shake(t, server, client)
		if ofServer != step.serial || ofClient != step.serial || !strings.Contains(log.String(), step.says) {
			t.Errorf("want %d, got %d and %d: %s", step.serial, ofServer, ofClient, &log)
		}
	}
}
