package web

import (
	"crypto/sha256"
	"crypto/subtle"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"

	"orderbeat/auth"
)

// probes has the paths of health checks: they require no password and accept any Host header.
var probes = []string{"/livez", "/healthz", "/readyz"}

// guarded requires the password, if one is configured, and sets security headers on every response. It
// accepts only its own hosts and the given ones, which prevents DNS rebinding: a host name of another site that resolves to
// this listener is rejected.
func guarded(c Config, hosts func() []string, log *slog.Logger, pages http.Handler) http.Handler {
	guesses := newLoginLimiter(log)
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		h := rw.Header()
		h.Set("Cache-Control", "no-store")
		h.Set("Content-Security-Policy", contentPolicy)
		h.Set("Referrer-Policy", "no-referrer") // the address of a callback contains a code
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		if slices.Contains(probes, r.URL.Path) {
			pages.ServeHTTP(rw, r)
			return
		}
		if !c.serves(r.Host, nil) && !c.serves(r.Host, hosts()) {
			http.Error(rw, "unknown Host header: use the address of web.listen, or set web.external_url", http.StatusMisdirectedRequest)
			return
		}
		_, _, tries := r.BasicAuth()
		tries = tries && c.User != ""
		if tries && !guesses.allowed(r.RemoteAddr) {
			h.Set("Retry-After", "5")
			http.Error(rw, "too many wrong passwords from this address", http.StatusTooManyRequests)
			return
		}
		if !c.Admits(r) {
			if tries {
				guesses.wrong(r.RemoteAddr)
			}
			h.Set("WWW-Authenticate", `Basic realm="orderbeat", charset="UTF-8"`)
			http.Error(rw, "authentication required", http.StatusUnauthorized)
			return
		}
		pages.ServeHTTP(rw, r)
	})
}

// Admits reports whether the request has a valid login, or no login is required.
func (w Config) Admits(r *http.Request) bool {
	_, _, ok := w.Caller(r)
	return ok
}

// Caller returns the user of a request, and whether the user is an operator, who may perform actions. ok is false
// without a valid login. If no logins are configured, every caller is an operator without a name. Caller
// compares in constant time.
func (w Config) Caller(r *http.Request) (name string, operator, ok bool) {
	if w.User == "" {
		return "", true, true
	}
	user, password, _ := r.BasicAuth()
	operator = same(user, w.User)&same(password, w.Password.Reveal()) == 1
	reader := same(user, w.ReadOnlyUser)&same(password, w.ReadOnlyPassword.Reveal()) == 1
	if !operator && (!reader || w.ReadOnlyUser == "") {
		return "", false, false
	}
	return user, operator, true
}

// authenticated reports whether the request has the operator's login; false if none is configured.
func (w Config) authenticated(r *http.Request) bool {
	_, operator, _ := w.Caller(r)
	return w.User != "" && operator
}

func same(a, b string) int {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b)) // hashes have the same length
	return subtle.ConstantTimeCompare(x[:], y[:])
}

// serves reports whether a Host header is valid for this listener, with any port, since forwarding may
// change the port: the host of web.listen, the host of web.external_url, or one of others. A loopback
// listener accepts all loopback names, and one that listens on all interfaces accepts every IP
// address, because DNS rebinding needs a host name.
func (w Config) serves(host string, others []string) bool {
	name := hostname(host)
	listen, _, err := net.SplitHostPort(w.Listen)
	if name == "" || err != nil {
		return false
	}
	if name == hostname(w.Listen) || name == hostOf(w.ExternalURL) || slices.Contains(others, name) {
		return true
	}
	ip := net.ParseIP(name)
	every := listen == "" || net.ParseIP(listen).IsUnspecified()
	switch {
	case every:
		return ip != nil || auth.IsLoopback(name)
	case auth.IsLoopback(listen):
		return auth.IsLoopback(name)
	}
	return ip != nil && ip.Equal(net.ParseIP(listen))
}

// hostname returns the host of "host" or "host:port", in lower case, without brackets.
func hostname(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	return strings.ToLower(strings.TrimSuffix(strings.Trim(host, "[]"), "."))
}
