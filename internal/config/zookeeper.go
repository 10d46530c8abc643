package config

import (
	"cmp"
	"fmt"
	"net"
	"strconv"
	"strings"

	"milena/internal/coord"
)

// ZooKeeper is where the cluster's ZooKeeper is, and how it is reached. Without Servers there is none: the cluster's state is in etcd.
type ZooKeeper struct {
	// Servers (host:port) and Chroot ("" for none) are zookeeper.connect.
	Servers             []string
	Chroot              string
	ConnectionTimeoutMs int
	MaxInFlightRequests int
	// SetACL has what we make belong to us (zookeeper.set.acl).
	SetACL bool
	// User and Password authenticate by ZooKeeper's scheme "digest", where User is not empty.
	User, Password string
	// JuteMaxBuffer is the servers' limit of a request, in bytes.
	JuteMaxBuffer int
	// TLS is nil where zookeeper.ssl.client.enable is false.
	TLS *ZooKeeperTLS
}

// zookeeperPort is the port of a server for which none is written.
const zookeeperPort = "2181"

func setZooKeeper(b *Broker, v *Values) error {
	connect := v.text("zookeeper.connect")
	if connect == "" || b.KRaft { // with process.roles Kafka passes over it too
		return nil
	}
	if len(b.Etcd.Endpoints) > 0 {
		return conflict("zookeeper.connect and milena.coordination.etcd.endpoints are both set: a cluster's state is in one of them")
	}
	z := &b.ZooKeeper
	var err error
	if z.Servers, z.Chroot, err = ParseZooKeeperConnect(connect); err != nil {
		return &ValueError{"zookeeper.connect", connect, err.Error()}
	}
	b.SessionTimeoutMs = v.int("zookeeper.session.timeout.ms")
	z.ConnectionTimeoutMs = b.SessionTimeoutMs
	if v.has("zookeeper.connection.timeout.ms") {
		z.ConnectionTimeoutMs = v.int("zookeeper.connection.timeout.ms")
	}
	z.MaxInFlightRequests = v.int("zookeeper.max.in.flight.requests")
	z.User, z.Password = v.text("milena.zookeeper.user"), v.text("milena.zookeeper.password")
	z.JuteMaxBuffer = v.int("milena.zookeeper.jute.maxbuffer")
	if strings.Contains(z.User, ":") {
		return &ValueError{"milena.zookeeper.user", z.User, "the name of a user has no colon"}
	}
	if v.bool("zookeeper.ssl.client.enable") {
		if z.TLS, err = zooKeeperTLS(v); err != nil {
			return err
		}
	}
	z.SetACL = v.bool("zookeeper.set.acl")
	if z.SetACL && z.User == "" && (z.TLS == nil || z.TLS.Keystore == "") {
		return conflict("zookeeper.set.acl is true, but ZooKeeper would not know who we are: set milena.zookeeper.user and " +
			"milena.zookeeper.password, or zookeeper.ssl.keystore.location")
	}
	return nil
}

// ParseZooKeeperConnect takes zookeeper.connect apart: "host:port,host:port/chroot". The port is 2181 where it is left out; the chroot has no
// slash at its end.
func ParseZooKeeperConnect(connect string) (servers []string, chroot string, err error) {
	hosts := strings.TrimSpace(connect)
	if i := strings.IndexByte(hosts, '/'); i >= 0 {
		hosts, chroot = hosts[:i], strings.TrimRight(hosts[i:], "/")
	}
	if chroot != "" {
		if err := coord.CheckPath(chroot); err != nil {
			return nil, "", fmt.Errorf("the chroot %s: %w", chroot, err)
		}
	}
	for part := range strings.SplitSeq(hosts, ",") {
		server, err := zooKeeperServer(strings.TrimSpace(part))
		if err != nil {
			return nil, "", err
		}
		servers = append(servers, server)
	}
	return servers, chroot, nil
}

func zooKeeperServer(text string) (string, error) {
	host, port, err := net.SplitHostPort(text)
	if err != nil {
		bracketed := strings.HasPrefix(text, "[") && strings.HasSuffix(text, "]")
		if host, port = strings.Trim(text, "[]"), zookeeperPort; strings.Contains(host, ":") != bracketed {
			return "", fmt.Errorf("%q is not host:port (an IPv6 address stands in brackets)", text)
		}
	}
	if n, err := strconv.Atoi(port); strings.TrimSpace(host) == "" || err != nil || n < 1 || n > 65535 {
		return "", fmt.Errorf("%q is not host:port", text)
	}
	return net.JoinHostPort(host, port), nil
}

// Connect is the connect string, for messages.
func (z *ZooKeeper) Connect() string { return strings.Join(z.Servers, ",") + z.Chroot }

// ZooKeeperTLS is how ZooKeeper is reached with TLS.
type ZooKeeperTLS struct {
	// Keystore (private key and certificates) and Truststore (certificates) are PEM files, "" for none and for the system's.
	Keystore, Truststore string
	// AnyHostname leaves out the check that the server's certificate is for its name.
	AnyHostname bool
	// Protocols are TLSv1.2, TLSv1.3, or both; CipherSuites those of TLSv1.2, Go's choice where empty.
	Protocols, CipherSuites []string
}

func zooKeeperTLS(v *Values) (*ZooKeeperTLS, error) {
	t := &ZooKeeperTLS{
		Keystore: v.text("zookeeper.ssl.keystore.location"), Truststore: v.text("zookeeper.ssl.truststore.location"),
		Protocols: v.list("zookeeper.ssl.enabled.protocols"), CipherSuites: v.list("zookeeper.ssl.cipher.suites"),
	}
	for _, store := range []struct{ kind, file string }{{"keystore", t.Keystore}, {"truststore", t.Truststore}} {
		prefix := "zookeeper.ssl." + store.kind
		kind := cmp.Or(v.text(prefix+".type"), store.file[strings.LastIndexByte(store.file, '.')+1:])
		if store.file != "" && !strings.EqualFold(kind, "PEM") {
			return nil, &ValueError{prefix + ".location", store.file, "only PEM is read: convert it (keytool -importkeystore to PKCS12, then " +
				"openssl pkcs12 -nodes -in FILE.p12 -out FILE.pem), or set " + prefix + ".type=PEM if it is one"}
		}
	}
	switch algorithm := v.text("zookeeper.ssl.endpoint.identification.algorithm"); strings.ToUpper(algorithm) {
	case "HTTPS":
	case "":
		t.AnyHostname = true
	default:
		return nil, &ValueError{"zookeeper.ssl.endpoint.identification.algorithm", algorithm, "HTTPS, or nothing for no check of names"}
	}
	for _, key := range []string{"zookeeper.ssl.crl.enable", "zookeeper.ssl.ocsp.enable"} {
		if v.bool(key) {
			return nil, &ValueError{key, "true", "this release does not ask whether certificates were revoked"}
		}
	}
	if len(t.Protocols) == 0 {
		t.Protocols = []string{"TLSv1.2", "TLSv1.3"}
	}
	for _, protocol := range t.Protocols {
		if protocol != "TLSv1.2" && protocol != "TLSv1.3" {
			return nil, &ValueError{"zookeeper.ssl.enabled.protocols", protocol, "TLSv1.2 and TLSv1.3 are spoken"}
		}
	}
	return t, nil
}
