package bus

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net"
	"orderbeat/auth/secret"
	"os"
	"strings"
	"sync/atomic"

	"github.com/nats-io/nats.go"
)

// natsUser is the user of the embedded server when nats.auth names no other.
const natsUser = "orderbeat"

// Reach is where others reach NATS: the configured URLs, or where the embedded server
// listens, given as host:port; "" when it does not listen.
func (c Config) Reach(listen string) string {
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

// UserPassword returns what a connection logs in with: a user with a password, or a
// token. All are empty where nothing of that kind is configured.
func (c Config) UserPassword() (user string, password, token secret.Secret, err error) {
	if c.PasswordFile == "" {
		return c.User, c.Password, c.Token, nil
	}
	password, err = readPassword(c.PasswordFile)
	return natsUser, password, secret.Secret{}, err
}

// Access returns the options of a connection over the network: credentials and
// certificates. Creds and nkey files are read again whenever it reconnects.
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

// nkeyDialer has a connection that reconnects log in with the nkey that the file holds
// by then. The client reads the public key once, when it is made.
type nkeyDialer struct {
	net.Dialer
	path string
	conn atomic.Pointer[nats.Conn]
}

// Dial implements [nats.CustomDialer]. The client calls it with its own lock held, which
// guards the options.
func (d *nkeyDialer) Dial(network, address string) (net.Conn, error) {
	if conn := d.conn.Load(); conn != nil {
		if use, err := nats.NkeyOptionFromSeed(d.path); err == nil { // else the login tells what is wrong with the file
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

// trust adds what a connection to the embedded server verifies its certificate by: the
// certificate itself, and the authority where one is named. The name that is checked is
// the certificate's own when the address that the server listens on is not in it.
func (c Config) trust(options []nats.Option) ([]nats.Option, error) {
	if c.Cert == "" {
		return options, nil
	}
	leaf, err := leafOf(c.Cert)
	if err != nil {
		return nil, fmt.Errorf("nats.tls.cert: %w", err)
	}
	config := &tls.Config{RootCAs: x509.NewCertPool(), MinVersion: tls.VersionTLS12}
	config.RootCAs.AddCert(leaf)
	if c.CA != "" {
		text, err := os.ReadFile(c.CA)
		if err != nil {
			return nil, fmt.Errorf("nats.tls.ca: %w", err)
		}
		if !config.RootCAs.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("nats.tls.ca: %s has no certificate in it", c.CA)
		}
	}
	host, _, _ := net.SplitHostPort(c.Listen)
	if leaf.VerifyHostname(host) != nil {
		config.ServerName = nameOf(leaf, host)
	}
	options = append(options, nats.Secure(config))
	if c.TLSFirst {
		options = append(options, nats.TLSHandshakeFirst())
	}
	return options, nil
}

// leafOf reads the first certificate of a PEM file.
func leafOf(path string) (*x509.Certificate, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, fmt.Errorf("%s has no certificate in it", path)
	}
	return x509.ParseCertificate(block.Bytes)
}

// nameOf is a name that the certificate is valid for, otherwise for want of one.
func nameOf(leaf *x509.Certificate, otherwise string) string {
	switch {
	case len(leaf.DNSNames) > 0:
		return strings.Replace(leaf.DNSNames[0], "*", "orderbeat", 1)
	case len(leaf.IPAddresses) > 0:
		return leaf.IPAddresses[0].String()
	}
	return otherwise
}
