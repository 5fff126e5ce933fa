package web

import (
	"net"
	"net/url"
	"strings"

	"orderbeat/auth/secret"
)

// Config has the address, the logins and the certificate of the web listener.
type Config struct {
	Listen string // host:port, "" for no listener
	// User and Password are required (RFC 7617), except on /livez, /healthz and /readyz; "" requires
	// none.
	User     string
	Password secret.Secret
	// ReadOnlyUser and ReadOnlyPassword are a second login, which can read every page but cannot perform
	// actions; "" for none.
	ReadOnlyUser     string
	ReadOnlyPassword secret.Secret
	// Cert and Key are paths of PEM files; "" for plain HTTP.
	Cert, Key string
	// ExternalURL is the URL for browsers, without a trailing slash; "" for the listener's own
	// address.
	ExternalURL string
}

// URL returns the listener's own URL, given its host:port. It never has a host name for this
// machine: redirects use an IP address (RFC 8252 section 8.3).
func (w Config) URL(listen string) string {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		host = listen
	}
	if host == "" || strings.EqualFold(host, "localhost") || net.ParseIP(host).IsUnspecified() {
		host = "127.0.0.1"
	}
	scheme := "http"
	if w.Cert != "" {
		scheme = "https"
	}
	return scheme + "://" + net.JoinHostPort(host, port)
}

// Public returns the URL for browsers, given the listener's host:port.
func (w Config) Public(listen string) string {
	if w.ExternalURL != "" {
		return w.ExternalURL
	}
	return w.URL(listen)
}

// hostOf returns the host of a URL, in lower case, "" if there is none.
func hostOf(uri string) string {
	u, err := url.Parse(uri)
	if err != nil {
		return ""
	}
	return strings.ToLower(u.Hostname())
}
