package worker

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
)

// guarded lets in who knows the password, where there is one, and has browsers treat
// every answer as what it is: nothing to keep, to embed, to guess at or to tell others of.
func guarded(c Web, pages http.Handler) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		h := rw.Header()
		h.Set("Cache-Control", "no-store")
		h.Set("Content-Security-Policy", contentPolicy)
		h.Set("Referrer-Policy", "no-referrer") // a callback's address has a code in it
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		open := r.URL.Path == "/healthz" || r.URL.Path == "/readyz"
		if !open && !c.admits(r) {
			h.Set("WWW-Authenticate", `Basic realm="orderbeat", charset="UTF-8"`)
			http.Error(rw, "who are you?", http.StatusUnauthorized)
			return
		}
		pages.ServeHTTP(rw, r)
	})
}

// admits compares in constant time: how long a refusal takes tells nothing.
func (w Web) admits(r *http.Request) bool {
	if w.User == "" {
		return true
	}
	user, password, _ := r.BasicAuth()
	return same(user, w.User)&same(password, w.Password.Reveal()) == 1
}

func same(a, b string) int {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b)) // of one length
	return subtle.ConstantTimeCompare(x[:], y[:])
}
