package web

import (
	"net"
	"net/url"
	"strings"

	"orderbeat/auth/secret"
)

// Config is the address of the web listener, and its password.
type Config struct {
	Listen string // host:port, "" for no listener
	// User and Password are required (RFC 7617), except on /healthz and /readyz; "" requires
	// none.
	User     string
	Password secret.Secret
	// ReadOnlyUser and ReadOnlyPassword are a second login, which may read every page and act on
	// nothing; "" is none.
	ReadOnlyUser     string
	ReadOnlyPassword secret.Secret
	// Cert and Key are PEM files; "" is plain HTTP.
	Cert, Key string
	// ExternalURL is the URL for browsers, without a trailing slash; "" is the listener's own
	// address.
	ExternalURL string
}

// URL is the listener's own address, given its host:port. It never has a host name for this
// machine: redirects use an address (RFC 8252 section 8.3).
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

// Public is the URL for browsers, given the listener's host:port.
func (w Config) Public(listen string) string {
	if w.ExternalURL != "" {
		return w.ExternalURL
	}
	return w.URL(listen)
}

// hostOf is the host of a URL, in lower case, "" if there is none.
func hostOf(uri string) string {
	u, err := url.Parse(uri)
	if err != nil {
		return ""
	}
	return strings.ToLower(u.Hostname())
}
