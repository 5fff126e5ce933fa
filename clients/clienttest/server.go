package clienttest

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"orderbeat/auth"
	"orderbeat/clients"
)

// The server sends the canaries, and they must not appear in any error.
const (
	tokenCanary = "canary-token"
	bodyCanary  = "canary-body"
)

// server is a provider's server: it issues tokens and responds as the test case defines.
type server struct {
	*httptest.Server
	grants, calls atomic.Int64
}

// start runs a server and a provider for it, whose users have granted access.
func (r *runner) start(t *testing.T, api, token http.HandlerFunc) (clients.Provider, *server) {
	t.Helper()
	s := r.serve(t, api, token)
	p := r.open(t, s.URL)
	if r.Users {
		grantAccess(t, p)
	}
	return p, s
}

// serve runs a server. api handles API requests; token, unless nil, token requests.
func (r *runner) serve(t *testing.T, api, token http.HandlerFunc) *server {
	t.Helper()
	s := &server{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		_, _ = io.Copy(io.Discard, req.Body) // otherwise a disconnect of the caller is not noticed
		switch {
		case r.TokenPath == "" || req.URL.Path != r.TokenPath:
			s.calls.Add(1)
			api(w, req)
		case token != nil:
			s.grants.Add(1)
			token(w, req)
		default:
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprint(w, r.Grant(accessToken(s.grants.Add(1))))
		}
	}))
	t.Cleanup(s.Close)
	return s
}

// grantAccess grants access for all users of a provider.
func grantAccess(t *testing.T, p clients.Provider) {
	t.Helper()
	for _, source := range p.(interface{ Credentials() []*auth.Source }).Credentials() {
		_, consent, err := source.Authorize("https://127.0.0.1/callback")
		if err == nil {
			err = source.Exchange(t.Context(), consent, "sample-code")
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// accessToken is the nth token that a server grants.
func accessToken(n int64) string { return fmt.Sprintf("%s-%d", tokenCanary, n) }

func reply(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	}
}

// cutOff announces a longer body than it sends, then closes the connection.
func cutOff(body string, chunked bool) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		conn, buf, err := w.(http.Hijacker).Hijack()
		if err != nil {
			panic(err)
		}
		defer conn.Close()
		fmt.Fprint(buf, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n")
		if chunked {
			fmt.Fprintf(buf, "Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n", len(body), body)
		} else {
			fmt.Fprintf(buf, "Content-Length: %d\r\n\r\n%s", len(body)+1, body)
		}
		_ = buf.Flush()
	}
}

func closeConnection(w http.ResponseWriter, _ *http.Request) {
	conn, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		panic(err)
	}
	conn.Close()
}
