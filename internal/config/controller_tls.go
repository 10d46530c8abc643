package config

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"milena/internal/vfs"
)

// ControllerTLS is how the controller listener is secured: ssl.* of the configuration, or listener.name.LISTENER.ssl.*, which goes before.
type ControllerTLS struct {
	// Keystore and Truststore are files in PEM, or "" where KeystorePEM and TruststorePEM hold their contents. A node that is no controller
	// needs no keystore unless the controllers ask for a certificate. Without a truststore those count whom the system trusts.
	Keystore, Truststore       string
	KeystorePEM, TruststorePEM string
	// ClientAuth is required, requested or none: whether those that connect must show a certificate.
	ClientAuth   string
	Protocols    []string
	CipherSuites []string
}

// listenerKeys reads keys that a listener's prefix may set for it alone.
type listenerKeys struct {
	values *Values
	prefix string
}

func keysOf(v *Values, listener string) listenerKeys {
	return listenerKeys{v, "listener.name." + strings.ToLower(listener) + "."}
}

// text is the value of a key; name is the key that has it.
func (k listenerKeys) text(key string) (value, name string) {
	r := tables().broker.rows[key]
	for _, s := range k.values.sources() {
		if text, ok := s.values[k.prefix+key]; ok {
			if p, err := r.parse(text); err == nil {
				return canonical(r.Type, p), k.prefix + key
			}
		}
	}
	return k.values.text(key), key
}

func (k listenerKeys) list(key string) []string {
	text, _ := k.text(key)
	return splitList(text)
}

const toPEM = "only PEM is read: convert it (keytool -importkeystore to PKCS12, then openssl pkcs12 -nodes -in FILE.p12 -out FILE.pem), and set "

// controllerTLS reads the keys. server tells that this node has such a listener, and not just connects to those of others.
func controllerTLS(v *Values, listener string, server bool) (*ControllerTLS, error) {
	k := keysOf(v, listener)
	t := &ControllerTLS{Protocols: k.list("ssl.enabled.protocols"), CipherSuites: k.list("ssl.cipher.suites")}
	t.ClientAuth, _ = k.text("ssl.client.auth")
	var err error
	if t.Keystore, t.KeystorePEM, err = k.store("keystore", "ssl.keystore.certificate.chain", "ssl.keystore.key"); err != nil {
		return nil, err
	}
	if t.Truststore, t.TruststorePEM, err = k.store("truststore", "ssl.truststore.certificates"); err != nil {
		return nil, err
	}
	for _, protocol := range t.Protocols {
		if protocol != "TLSv1.2" && protocol != "TLSv1.3" {
			return nil, &ValueError{"ssl.enabled.protocols", protocol, "TLSv1.2 and TLSv1.3 are spoken"}
		}
	}
	if algorithm, name := k.text("ssl.endpoint.identification.algorithm"); !strings.EqualFold(algorithm, "https") {
		return nil, &ValueError{name, algorithm, "between controllers the names in certificates are always checked: https"}
	}
	if password, name := k.text("ssl.key.password"); password != "" {
		return nil, &ValueError{name, "[hidden]", "encrypted private keys are not read: openssl pkey -in FILE -out FILE"}
	}
	switch {
	case server && t.Keystore == "" && t.KeystorePEM == "":
		return nil, conflict("the controller listener %s has security protocol SSL, which needs a certificate: set ssl.keystore.type=PEM and "+
			"ssl.keystore.location, or ssl.keystore.certificate.chain and ssl.keystore.key", listener)
	case server && t.ClientAuth != "none" && t.Truststore == "" && t.TruststorePEM == "":
		return nil, conflict("ssl.client.auth=%s needs to know whose certificates to trust: set ssl.truststore.type=PEM and ssl.truststore.location, "+
			"or ssl.truststore.certificates", t.ClientAuth)
	}
	return t, nil
}

// store reads where a store is: a file, or what it would hold, under the keys inline, all of which must be set together.
func (k listenerKeys) store(kind string, inline ...string) (file, contents string, err error) {
	file, fileKey := k.text("ssl." + kind + ".location")
	format, formatKey := k.text("ssl." + kind + ".type")
	var parts []string
	for _, key := range inline {
		if text, _ := k.text(key); text != "" {
			parts = append(parts, text)
		}
	}
	switch {
	case file == "" && len(parts) == 0:
		return "", "", nil
	case !strings.EqualFold(format, "PEM") && file != "":
		return "", "", &ValueError{fileKey, file, toPEM + formatKey + "=PEM"}
	case !strings.EqualFold(format, "PEM"):
		return "", "", &ValueError{formatKey, format, "keys and certificates in the configuration are PEM"}
	case file != "" && len(parts) > 0:
		return "", "", conflict("Both SSL %s location and separate %s contents are specified.", kind, kind)
	case len(parts) != len(inline) && file == "":
		return "", "", conflict("%s must be set together", strings.Join(inline, " and "))
	}
	return file, strings.Join(parts, "\n"), nil
}

// Load reads the stores: server is for the listener, nil without a certificate, client for connections to others. A keystore that is swapped
// for another one in place counts from the next connection on; one that cannot be read then leaves the last one in force, with a warning.
func (t *ControllerTLS) Load(fsys vfs.FS, log *slog.Logger) (server, client *tls.Config, err error) {
	suites, err := cipherSuites("ssl.cipher.suites", t.CipherSuites)
	if err != nil {
		return nil, nil, err
	}
	client = tlsVersions(t.Protocols)
	client.CipherSuites = suites
	if trusted := []byte(t.TruststorePEM); t.Truststore != "" || len(trusted) > 0 {
		if t.Truststore != "" {
			if trusted, err = readFile(fsys, t.Truststore); err != nil {
				return nil, nil, fmt.Errorf("ssl.truststore.location: %w", err)
			}
		}
		if client.RootCAs = x509.NewCertPool(); !client.RootCAs.AppendCertsFromPEM(trusted) {
			return nil, nil, errors.New("ssl.truststore: it holds no certificate in PEM: " + t.Truststore)
		}
	}
	if t.Keystore == "" && t.KeystorePEM == "" {
		return nil, client, nil
	}
	store := &liveKeystore{what: "ssl.keystore", fsys: fsys, log: log, fixed: []byte(t.KeystorePEM)}
	if t.Keystore != "" {
		store.files = []string{t.Keystore}
	}
	if _, err := store.certificate(); err != nil {
		return nil, nil, fmt.Errorf("ssl.keystore: %s: %w", t.Keystore, err)
	}
	client.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return store.certificate() }
	server = client.Clone()
	server.RootCAs, server.ClientCAs = nil, client.RootCAs
	server.GetClientCertificate = nil
	server.GetCertificate = func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return store.certificate() }
	server.NextProtos = []string{"h2", "http/1.1"}
	server.ClientAuth = map[string]tls.ClientAuthType{
		"required": tls.RequireAndVerifyClientCert, "requested": tls.VerifyClientCertIfGiven, "none": tls.NoClientCert,
	}[t.ClientAuth]
	return server, client, nil
}
