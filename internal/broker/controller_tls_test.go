package broker_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"milena/internal/broker"
	"milena/internal/config"
	"milena/internal/netio"
	"milena/internal/vfs"
	"milena/test/kafka"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// certificate is a file in PEM with a private key and the certificate of 127.0.0.1 for it, which is its own authority.
func certificate(t *testing.T) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, BasicConstraintsValid: true, IsCA: true,
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	must(t, err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	must(t, err)
	var text bytes.Buffer
	must(t, pem.Encode(&text, &pem.Block{Type: "PRIVATE KEY", Bytes: private}))
	must(t, pem.Encode(&text, &pem.Block{Type: "CERTIFICATE", Bytes: cert}))
	file := filepath.Join(t.TempDir(), "node.pem")
	must(t, os.WriteFile(file, text.Bytes(), 0o600))
	return file
}

// TestControllerOnlySecured: on real sockets and with the embedded store, a broker's requests reach a controller that is none by TLS, and its
// clients do by way of it.
func TestControllerOnlySecured(t *testing.T) {
	port, err := kafka.FreePort()
	must(t, err)
	voter := fmt.Sprintf("127.0.0.1:%d", port)
	pem, log := certificate(t), &lines{}
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(log)
		}
	})
	start := func(static map[string]string) *broker.Broker {
		t.Helper()
		for key, value := range map[string]string{
			"controller.listener.names": "CONTROLLER", "controller.quorum.voters": "11@" + voter, "log.dirs": t.TempDir(),
			"listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:SSL", "ssl.client.auth": "required",
			"ssl.keystore.type": "PEM", "ssl.keystore.location": pem, "ssl.truststore.type": "PEM", "ssl.truststore.location": pem,
		} {
			static[key] = value
		}
		cfg, _, err := config.FromStatic(static)
		must(t, err)
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		b, err := broker.Start(ctx, broker.Options{Config: cfg, Net: netio.TCP{}, FS: vfs.OS{}, Logger: slog.New(slog.NewTextHandler(log, nil))})
		must(t, err)
		t.Cleanup(func() {
			if err := b.Stop(context.Background()); err != nil {
				t.Error(err)
			}
		})
		return b
	}
	start(map[string]string{"process.roles": "controller", "node.id": "11", "listeners": "CONTROLLER://" + voter})
	one := start(map[string]string{"process.roles": "broker", "node.id": "1", "listeners": "PLAINTEXT://127.0.0.1:0"})
	c, err := kgo.NewClient(kgo.SeedBrokers(one.Addr("PLAINTEXT")), kgo.DisableClientMetrics())
	must(t, err)
	defer c.Close()
	resp, err := c.Request(context.Background(), electPreferred("nowhere"))
	must(t, err)
	elected := resp.(*kmsg.ElectLeadersResponse)
	if code := elected.Topics[0].Partitions[0].ErrorCode; code != kerr.UnknownTopicOrPartition.Code {
		t.Errorf("an election in no topic: %v", kerr.ErrorForCode(code))
	}
	conn, err := net.Dial("tcp", voter)
	must(t, err)
	defer conn.Close()
	must(t, conn.SetDeadline(time.Now().Add(30*time.Second)))
	_, err = fmt.Fprint(conn, "\x00\x00\x00\x0a\x00\x12\x00\x00\x00\x00\x00\x01\xff\xff") // ApiVersions, not by TLS
	must(t, err)
	if answer := make([]byte, 1); err == nil {
		if _, err := conn.Read(answer); err == nil && answer[0] == 0 {
			t.Error("it is answered without TLS")
		}
	}
}
