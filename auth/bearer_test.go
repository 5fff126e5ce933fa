package auth_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"orderbeat/auth"
)

// A token goes into the header Authorization, once, and nowhere else: a signed request
// is the request and this header, byte for byte.
func TestTokenIsSentInTheHeaderOnly(t *testing.T) {
	const token = "00D9b000004Qmmi!AQEAQG34mOW2FtFjM"
	for name, tt := range map[string]struct{ method, body, header, want string }{
		"a question": {
			"GET", "", "",
			"GET /orders?from=2026-11-01&x=%20 HTTP/1.1\r\nHost: provider.example\r\nUser-Agent: orderbeat/1\r\nAuthorization: Bearer " + token + "\r\nAccept-Encoding: gzip\r\n\r\n",
		},
		"a question in a body": {
			"POST", `{"documentID":"C1"}`, "",
			"POST /orders?from=2026-11-01&x=%20 HTTP/1.1\r\nHost: provider.example\r\nUser-Agent: orderbeat/1\r\nContent-Length: 19\r\nAuthorization: Bearer " + token + "\r\nAccept-Encoding: gzip\r\n\r\n" + `{"documentID":"C1"}`,
		},
		"whatever header was there": {
			"GET", "", "Basic Y2FuYXJ5",
			"GET /orders?from=2026-11-01&x=%20 HTTP/1.1\r\nHost: provider.example\r\nUser-Agent: orderbeat/1\r\nAuthorization: Bearer " + token + "\r\nAccept-Encoding: gzip\r\n\r\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := tap(t, reply{200, ""})
			s := open(t, config(refusing(200, michelinAnswer)))
			client := &http.Client{Transport: &auth.Transport{Source: s, Origin: w.url}}
			req, err := http.NewRequestWithContext(t.Context(), tt.method, w.url.String()+"/orders?from=2026-11-01&x=%20", strings.NewReader(tt.body))
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("User-Agent", "orderbeat/1")
			if tt.header != "" {
				req.Header.Set("Authorization", tt.header)
			}
			resp, err := client.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if diff := cmp.Diff(tt.want, w.raw()); diff != "" {
				t.Errorf("request (-want +got):\n%s", diff)
			}
		})
	}
}

func TestWhichRejectionsConcernTheToken(t *testing.T) {
	challenge := func(text string) http.Header { return http.Header{"Www-Authenticate": {text}} }
	for _, tt := range []struct {
		document, name string
		status         int
		header         http.Header
		body           string
		again          bool
	}{
		{michelinPage, "an empty 401", 401, nil, "", true},
		{michelinPage, "a 401 with a blank", 401, nil, " ", true},
		{michelinPage, "a 403 with an empty object", 403, nil, " {} ", false},
		{mazdaPage, "a 401", 401, nil, "Unauthorized", true},
		{mazdaPage, "a user who may not: a 403", 403, nil, "Forbidden", false},
		{"RFC 6750 section 3.1", "a token that is not good", 401, challenge(`Bearer realm="x", error="invalid_token"`), "", true},
		{"RFC 6750 section 3.1", "a challenge of another scheme", 401, challenge(`Basic realm="x"`), "", true},
		{"RFC 6750 section 3.1", "rights that do not suffice", 403, challenge(`Bearer error="insufficient_scope"`), "", false},
		{"RFC 6750 section 3.1", "rights that do not suffice, in a 401", 401, challenge(`Bearer realm="x", error="insufficient_scope", scope="orders"`), "", false},
		{"RFC 6750 section 3.1", "rights that do not suffice, in a 401 without quotes", 401, challenge(`bearer error=insufficient_scope`), "", false},
		{"RFC 6750 section 3.1", "a word about rights is not the code", 401, challenge(`Bearer error="invalid_token", error_description="no insufficient_scope here"`), "", true},
		{"RFC 6750 section 3.1", "a request that is wrong", 400, challenge(`Bearer error="invalid_request"`), "", false},
		{"RFC 9110 section 15.5.8", "a proxy's refusal", 407, nil, "", false},
	} {
		t.Run(tt.document+": "+tt.name, func(t *testing.T) {
			e, calls := &tokenServer{}, 0
			client := signing(open(t, config(e)), roundTripper(func(*http.Request) (*http.Response, error) {
				if calls++; calls > 1 {
					return respond(200, "served"), nil
				}
				resp := respond(tt.status, tt.body)
				resp.Header = tt.header
				return resp, nil
			}))
			status, body := call(t, client, nil)
			if tt.again {
				if status != 200 || body != "served" {
					t.Errorf("got %d %q want it to be sent once more", status, body)
				}
				e.got(t, 2)
				return
			}
			if status != tt.status || body != tt.body || calls != 1 {
				t.Errorf("got %d %q after %d calls want the answer as it came", status, body, calls)
			}
			e.got(t, 1)
		})
	}
}

// net/http itself would send the header on to the same host name over plain http.
func TestRedirectToAnotherHostHasNoToken(t *testing.T) {
	elsewhere := server(t, func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("%s %s came elsewhere, with %d credentials", r.Method, r.URL.Path, len(r.Header.Values("Authorization")))
	})
	for _, to := range []string{
		elsewhere.String() + "/orders",                          // another port
		"http://localhost:" + elsewhere.Port() + "/orders",      // another host
		"http://127.0.0.1.nip.example/orders",                   // a name that looks like it
		strings.Replace(elsewhere.String(), "http", "https", 1), // another scheme
	} {
		for _, status := range []int{http.StatusFound, http.StatusTemporaryRedirect} {
			from := server(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, to, status) })
			client := &http.Client{Transport: &auth.Transport{Source: open(t, config(&tokenServer{})), Origin: from}}
			resp, err := client.Post(from.String()+"/orders", "application/json", strings.NewReader("{}"))
			if err == nil {
				resp.Body.Close()
				t.Errorf("%d to %s: got %d want an error", status, to, resp.StatusCode)
			}
		}
	}
	from := server(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/orders" {
			http.Redirect(w, r, "/orders/", http.StatusTemporaryRedirect)
		}
	})
	client := &http.Client{Transport: &auth.Transport{Source: open(t, config(&tokenServer{})), Origin: from}}
	resp, err := client.Get((&url.URL{Scheme: "http", Host: from.Host, Path: "/orders"}).String())
	if err != nil || resp.StatusCode != 200 {
		t.Fatalf("got %v, %v want a redirect within the origin to be followed", resp, err)
	}
	resp.Body.Close()
}
