package web

import (
	"net"
	"net/url"
	"orderbeat/auth/secret"
	"strings"
)

// Config says where the web listener is, and who may look.
type Config struct {
	Listen string // host:port, "" for no listener
	// User and Password are asked for (RFC 7617), except on /healthz and /readyz; ""
	// asks nobody.
	User     string
	Password secret.Secret
	// Cert and Key are PEM files; "" is plain HTTP.
	Cert, Key string
	// ExternalURL is where people reach the listener, without a slash at its end; ""
	// is its own address.
	ExternalURL string
}

// URL is the listener's own address, given host:port that it listens on. It has no name
// for this machine: redirects go to an address (RFC 8252 section 8.3).
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

// Public is where people reach the listener, given host:port that it listens on.
func (w Config) Public(listen string) string {
	if w.ExternalURL != "" {
		return w.ExternalURL
	}
	return w.URL(listen)
}

// hostOf is the host of a URL, in lower case, "" where there is none.
func hostOf(uri string) string {
	u, err := url.Parse(uri)
	if err != nil {
		return ""
	}
	return strings.ToLower(u.Hostname())
}
