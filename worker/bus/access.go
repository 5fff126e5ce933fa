package bus

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"strings"
	"sync/atomic"

	"orderbeat/auth/secret"

	"github.com/nats-io/nats.go"
)

// natsUser is the default user of the embedded server.
const natsUser = "orderbeat"

// ClientURL returns the URL for other clients: the configured URL, or the URL of the embedded server, given
// its host:port. It is "" if the server does not listen.
func (c Config) ClientURL(listen string) string {
	if c.URL != "" || listen == "" {
		return c.URL
	}
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		host, port = listen, "4222"
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	scheme := "nats"
	if c.Cert != "" {
		scheme = "tls"
		if leaf, err := leafOf(c.Cert); err == nil && leaf.VerifyHostname(host) != nil {
			host = nameOf(leaf, host)
		}
	}
	return scheme + "://" + net.JoinHostPort(host, port)
}

// UserPassword returns the login of a connection: a user with a password, or a token. All values are
// empty if no login is configured.
func (c Config) UserPassword() (user string, password, token secret.Secret, err error) {
	if c.PasswordFile == "" {
		return c.User, c.Password, c.Token, nil
	}
	password, err = readPassword(c.PasswordFile)
	return natsUser, password, secret.Secret{}, err
}

// Access returns the options of a connection over the network: credentials and certificates.
// Creds and nkey files are read again at each reconnect.
func (c Config) Access() ([]nats.Option, error) {
	options, err := c.login()
	if err != nil {
		return nil, err
	}
	if c.Creds != "" {
		options = append(options, nats.UserCredentials(c.Creds))
	}
	if c.NKey != "" {
		nkey, err := nats.NkeyOptionFromSeed(c.NKey)
		if err != nil {
			return nil, fmt.Errorf("nats.nkey: %s: %w", c.NKey, err)
		}
		options = append(options, nkey)
	}
	if c.URL == "" {
		return c.trust(options)
	}
	if c.CA != "" {
		options = append(options, nats.RootCAs(c.CA))
	}
	if c.Cert != "" {
		options = append(options, nats.ClientCert(c.Cert, c.Key))
	}
	if c.TLSFirst {
		options = append(options, nats.TLSHandshakeFirst())
	}
	return options, nil
}

// nkeyDialer reads the nkey file again before each reconnect. The NATS client reads the public
// key once, when it is created.
type nkeyDialer struct {
	net.Dialer
	path string
	conn atomic.Pointer[nats.Conn]
}

// Dial implements [nats.CustomDialer]. The client calls it with its lock held, which guards the
// options.
func (d *nkeyDialer) Dial(network, address string) (net.Conn, error) {
	if conn := d.conn.Load(); conn != nil {
		if use, err := nats.NkeyOptionFromSeed(d.path); err == nil { // on an error the old key is used, and a failed login reports it
			_ = use(&conn.Opts)
		}
	}
	return d.Dialer.Dial(network, address)
}

func (c Config) login() ([]nats.Option, error) {
	user, password, token, err := c.UserPassword()
	switch {
	case err != nil:
		return nil, err
	case !token.Empty():
		return []nats.Option{nats.Token(token.Reveal())}, nil
	case user != "":
		return []nats.Option{nats.UserInfo(user, password.Reveal())}, nil
	}
	return nil, nil
}

// trust adds TLS options for the embedded server. Its certificate is verified against the certificate file
// itself and the configured CA.
func (c Config) trust(options []nats.Option) ([]nats.Option, error) {
	if c.Cert == "" {
		return options, nil
	}
	host, _, _ := net.SplitHostPort(c.Listen)
	config, err := Trusting(c.Cert, host)
	if err != nil {
		return nil, fmt.Errorf("nats.tls.cert: %w", err)
	}
	if c.CA != "" {
		text, err := os.ReadFile(c.CA)
		if err != nil {
			return nil, fmt.Errorf("nats.tls.ca: %w", err)
		}
		if !config.RootCAs.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("nats.tls.ca: %s contains no PEM certificate", c.CA)
		}
	}
	options = append(options, nats.Secure(config))
	if c.TLSFirst {
		options = append(options, nats.TLSHandshakeFirst())
	}
	return options, nil
}

// Trusting returns a TLS configuration that trusts the certificate in a file, for a connection to a server on
// this machine. If the certificate is not valid for host, a name of the certificate is verified instead of
// it.
func Trusting(file, host string) (*tls.Config, error) {
	leaf, err := leafOf(file)
	if err != nil {
		return nil, err
	}
	config := &tls.Config{RootCAs: x509.NewCertPool(), MinVersion: tls.VersionTLS12}
	config.RootCAs.AddCert(leaf)
	if leaf.VerifyHostname(host) != nil {
		config.ServerName = nameOf(leaf, host)
	}
	return config, nil
}

// leafOf reads the first certificate of a PEM file.
func leafOf(path string) (*x509.Certificate, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, fmt.Errorf("%s contains no PEM certificate", path)
	}
	return x509.ParseCertificate(block.Bytes)
}

// nameOf returns a name for which the certificate is valid, or the fallback if it has none.
func nameOf(leaf *x509.Certificate, fallback string) string {
	switch {
	case len(leaf.DNSNames) > 0:
		return strings.Replace(leaf.DNSNames[0], "*", "orderbeat", 1)
	case len(leaf.IPAddresses) > 0:
		return leaf.IPAddresses[0].String()
	}
	return fallback
}
