package etcdcoord

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// TLS is what members and remote clients of an embedded server secure their connections with. Certificates are read anew for each connection,
// so those that are swapped in place count from the next one on.
type TLS struct {
	// Server is the listener's, Client that of what asks other members.
	Server, Client *tls.Config
	// Keystore is the file of certificate and private key, Truststore that of the trusted ("": those the system trusts), for the connections
	// that etcd makes between members itself. Where KeystorePEM and TruststorePEM are set, the server writes them to files of its own.
	Keystore, Truststore       string
	KeystorePEM, TruststorePEM string
}

// files sees to it that there are files, in the server's directory if need be.
func (t *TLS) files(dir string) (keystore, truststore string, err error) {
	write := func(name, contents, file string) string {
		if contents == "" || err != nil {
			return file
		}
		at := filepath.Join(dir, "tls")
		if err = os.MkdirAll(at, 0o700); err == nil {
			err = os.WriteFile(filepath.Join(at, name), []byte(contents), 0o600)
		}
		return filepath.Join(at, name)
	}
	return write("keystore.pem", t.KeystorePEM, t.Keystore), write("truststore.pem", t.TruststorePEM, t.Truststore), err
}

// listener secures the connections of another one.
func (t *TLS) listener(plain net.Listener, logger *slog.Logger) net.Listener {
	return &securedListener{Listener: plain, config: t.Server, complaints: &complaints{logger: logger, told: map[string]time.Time{}}}
}

type securedListener struct {
	net.Listener
	config     *tls.Config
	complaints *complaints
}

// Accept leaves the handshake to who reads first.
func (l *securedListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &securedConn{Conn: tls.Server(conn, l.config), complaints: l.complaints}, nil
}

type securedConn struct {
	*tls.Conn
	complaints *complaints
	shake      sync.Once
	failed     error
}

func (c *securedConn) Read(b []byte) (int, error) {
	c.shake.Do(func() {
		ctx, cancel := context.WithTimeout(context.Background(), sniffTimeout)
		defer cancel()
		if c.failed = c.HandshakeContext(ctx); c.failed != nil {
			c.complaints.refused(c.RemoteAddr(), c.failed)
		}
	})
	if c.failed != nil {
		return 0, c.failed
	}
	return c.Conn.Read(b)
}

// complaints says why connections are refused: one line for each host and reason, and again when complaintsAgain has passed, for a member
// that is refused comes again several times a second.
type complaints struct {
	logger *slog.Logger
	mu     sync.Mutex // guards told
	told   map[string]time.Time
}

const (
	complaintsAgain = 5 * time.Minute
	complaintsKept  = 1000
)

func (c *complaints) refused(from net.Addr, reason error) {
	var late net.Error
	if errors.Is(reason, io.EOF) || errors.As(reason, &late) && late.Timeout() || errors.Is(reason, net.ErrClosed) ||
		errors.Is(reason, syscall.ECONNRESET) {
		return // who says nothing is looking whether anybody listens
	}
	host, _, err := net.SplitHostPort(from.String())
	if err != nil {
		host = from.String()
	}
	key := host + " " + reason.Error()
	c.mu.Lock()
	defer c.mu.Unlock()
	if last, ok := c.told[key]; ok && time.Since(last) < complaintsAgain {
		return
	}
	if len(c.told) >= complaintsKept {
		clear(c.told)
	}
	c.told[key] = time.Now()
	c.logger.Warn("the controller listener refused a connection", "from", host, "reason", reason)
}
