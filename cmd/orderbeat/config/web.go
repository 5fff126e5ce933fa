package config

import (
	"crypto/tls"
	"net/url"
	"strings"

	"orderbeat/auth/secret"

	"orderbeat/auth"
	"orderbeat/worker/web"
)

// webSection is the section [web].
type webSection struct {
	Listen string   `toml:"listen"`
	Auth   webLogin `toml:"auth"`
	// AuthReadonly is the login of users who may read everything and change nothing.
	AuthReadonly webLogin `toml:"auth_readonly"`
	TLS          webTLS   `toml:"tls"`
	ExternalURL  string   `toml:"external_url"`
}

// webTLS are PEM files.
type webTLS struct {
	// Cert is the file of the certificate.
	Cert string `toml:"cert"`
	// Key is the file of the certificate's key.
	Key string `toml:"key"`
}

// webLogin is a login for the web listener.
type webLogin struct {
	// User is the name of the login (HTTP Basic).
	User string `toml:"user"`
	// Password is the password of the login.
	Password secret.Secret `toml:"password"`
}

func (l *loader) web(s webSection) web.Config {
	l.webLogin("web.auth", s.Auth)
	l.webLogin("web.auth_readonly", s.AuthReadonly)
	switch {
	case s.AuthReadonly.User != "" && s.Auth.User == "" && !l.has("web.auth"):
		l.add("web.auth_readonly", "requires web.auth: without it everybody is an operator")
	case s.AuthReadonly.User != "" && s.AuthReadonly.User == s.Auth.User:
		l.add("web.auth_readonly.user", "must differ from web.auth.user")
	}
	if (s.TLS.Cert == "") != (s.TLS.Key == "") {
		l.add("web.tls", "cert and key must be set together")
	}
	l.externalURL(s.ExternalURL)
	l.webListen(s)
	return web.Config{
		Listen: s.Listen, User: s.Auth.User, Password: s.Auth.Password,
		ReadOnlyUser: s.AuthReadonly.User, ReadOnlyPassword: s.AuthReadonly.Password,
		Cert: l.existing("web.tls.cert", s.TLS.Cert), Key: l.private("web.tls.key", s.TLS.Key),
		ExternalURL: strings.TrimRight(s.ExternalURL, "/"),
	}
}

func (l *loader) webLogin(key string, login webLogin) {
	if strings.ContainsRune(login.User, ':') {
		l.add(key+".user", "must not contain a colon (RFC 7617)")
	}
	if (login.User == "") != login.Password.Empty() && !l.has(key+".password") {
		l.add(key, "user and password must be set together")
	}
}

// webListen rejects an open listener without login, and one that exposes the password.
func (l *loader) webListen(s webSection) {
	if s.Listen == "" {
		for key, set := range map[string]bool{"web.auth": s.Auth.User != "", "web.tls": s.TLS.Cert != "", "web.external_url": s.ExternalURL != ""} {
			if set {
				l.add(key, `has no effect: web.listen is ""`)
			}
		}
		return
	}
	if auth.IsLoopback(l.address("web.listen", s.Listen)) {
		return
	}
	if s.Auth.User == "" && !l.has("web.auth") {
		l.add("web.listen", `%.60q can be reached from other machines: set web.auth = { user = "…", password = "env:…" }, or use a loopback address, like "127.0.0.1:8321"`, s.Listen)
	}
	if s.TLS.Cert == "" && !strings.HasPrefix(s.ExternalURL, "https:") {
		l.add("web.listen", "%.60q can be reached from other machines, and over plain http the password would be readable: set web.tls, or web.external_url to the https address of the proxy in front", s.Listen)
	}
}

// externalURL checks the URL of redirects, which carry authorization codes and must be
// protected (RFC 6749 section 3.1.2.1).
func (l *loader) externalURL(s string) {
	const key = "web.external_url"
	if s == "" {
		return
	}
	u, err := url.Parse(s)
	switch {
	case err != nil || u.Hostname() == "" || u.Scheme != "https" && u.Scheme != "http":
		l.add(key, `is not a URL: write it like "https://orderbeat.example.com"`)
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		l.add(key, "must have only a scheme, a host and a path")
	case strings.EqualFold(u.Hostname(), "localhost"):
		l.add(key, `must use "127.0.0.1" or "[::1]" instead of "localhost" (RFC 8252 section 8.3)`)
	case u.Scheme == "http" && !auth.IsLoopback(u.Hostname()):
		l.add(key, "must be https: authorization codes must not be readable on the network")
	}
}

// certificate checks that the files contain a certificate and its key.
func (l *loader) certificate(at, cert, key string) {
	if cert == "" || key == "" || l.has(at+".cert") || l.has(at+".key") {
		return
	}
	if _, err := tls.LoadX509KeyPair(cert, key); err != nil {
		l.add(at, "is not a certificate with its key: %s", strings.TrimPrefix(err.Error(), "tls: "))
	}
}

// files checks the content of files that the sections name.
func (l *loader) files() {
	l.keyFile(l.config.Key)
	l.certificate("web.tls", l.config.Web.Cert, l.config.Web.Key)
	l.natsFiles(&l.config.NATS)
}
