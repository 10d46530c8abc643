package netio

import (
	"context"
	"crypto/tls"
	"net"
)

// Secure begins TLS on a connection that was dialled to an address; unless the configuration says otherwise, the certificate must have that host's
// name. Where it fails the connection is closed.
func Secure(ctx context.Context, conn net.Conn, address string, config *tls.Config) (net.Conn, error) {
	config = config.Clone()
	if config.ServerName == "" {
		config.ServerName, _, _ = net.SplitHostPort(address) // what was dialled has both
	}
	secured := tls.Client(conn, config)
	if err := secured.HandshakeContext(ctx); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return secured, nil
}
