package auth_test

import (
	"errors"
	"fmt"
	"net/http"
	"testing"

	"orderbeat/auth/endpoint"
)

// A redirect would hand the client's secret, a token or a code to another address.
func TestRedirectsAreNotFollowed(t *testing.T) {
	elsewhere := server(t, func(_ http.ResponseWriter, r *http.Request) { t.Errorf("%s %s went elsewhere", r.Method, r.URL.Path) })
	for _, status := range []int{301, 302, 303, 307, 308} {
		u := server(t, func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, elsewhere.String()+r.URL.Path, status)
		})
		refused := func(t *testing.T, err error, class endpoint.Class) {
			t.Helper()
			if e, ok := errors.AsType[*endpoint.Error](err); !ok || e.Class != class || e.Status != status {
				t.Errorf("got %v want class %s, status %d", err, class, status)
			}
		}
		t.Run(fmt.Sprintf("%d from the token endpoint", status), func(t *testing.T) {
			c := config(nil)
			c.TokenURL = u.String() + "/token"
			_, err := open(t, c).Token(t.Context())
			refused(t, err, endpoint.ClassRequest)
		})
		t.Run(fmt.Sprintf("%d from the token endpoint, for a code", status), func(t *testing.T) {
			c := of(endpoint.Mazda(), nil)
			c.TokenURL = u.String() + "/token"
			s := open(t, c)
			_, begun, err := s.Authorize(redirectOfMazda)
			if err != nil {
				t.Fatal(err)
			}
			refused(t, s.Exchange(t.Context(), begun, "code"), endpoint.ClassRequest)
		})
		t.Run(fmt.Sprintf("%d from the other endpoints", status), func(t *testing.T) {
			c := config(nil)
			c.TokenURL = tap(t, reply{200, michelinAnswer}).url.String()
			c.IntrospectionURL, c.RevocationURL = u.String()+"/introspect", u.String()+"/revoke"
			s := open(t, c)
			mustToken(t, s)
			_, err := s.Introspect(t.Context())
			refused(t, err, endpoint.ClassTransient)
			_, err = s.Logout(t.Context())
			refused(t, err, endpoint.ClassTransient)
		})
	}
}
