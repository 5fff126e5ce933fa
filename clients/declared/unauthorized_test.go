package declared_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"orderbeat/clients"
	"orderbeat/clients/exchange"
)

// An API may refuse a token in its own words: a new one is asked for, and the call sent once
// more.
func TestDeclaredUnauthorizedRenewsTheToken(t *testing.T) {
	for name, c := range map[string]struct {
		rule   string
		refuse func(w http.ResponseWriter)
	}{
		"a 403":                 {"status = [403]", func(w http.ResponseWriter) { w.WriteHeader(403) }},
		"a 400 that says so":    {"status = [400]\nwhen = '.error == \"token_expired\"'", func(w http.ResponseWriter) { w.WriteHeader(400); fmt.Fprint(w, `{"error":"token_expired"}`) }},
		"a 200 with an error":   {"when = '.status == \"INVALID_SESSION\"'", func(w http.ResponseWriter) { fmt.Fprint(w, `{"status":"INVALID_SESSION"}`) }},
		"a redirect to a login": {"status = [302]", func(w http.ResponseWriter) { w.Header().Set("Location", "/login"); w.WriteHeader(302) }},
		"a login page":          {"when = 'type == \"string\" and test(\"<title>Login\")'", func(w http.ResponseWriter) { fmt.Fprint(w, "<html><title>Login</title>") }},
	} {
		t.Run(name, func(t *testing.T) {
			grants := 0
			accepted := "token-2"
			server := answering(t, func(w http.ResponseWriter, r *http.Request) {
				switch {
				case r.URL.Path == "/token":
					grants++
					fmt.Fprintf(w, `{"access_token":"token-%d","token_type":"Bearer","expires_in":3600}`, grants)
				case r.Header.Get("Authorization") != "Bearer "+accepted:
					c.refuse(w)
				default:
					fmt.Fprint(w, `{"orders":[{"id":"1"}]}`)
				}
			})
			text := "[environments.sandbox]\ntoken = \"/token\"\n[orders]\npath = \"/orders\"\nmap = '.orders[] | {order_id: .id}'\n[[failures]]\ncode = \"unauthorized\"\n" + c.rule + "\n"
			p := written(t, server.URL, text)
			ctx, recording := exchange.Record(t.Context())
			answer, err := p.Orders(ctx, window())
			if err != nil || len(answer.Orders) != 1 || grants != 2 {
				t.Errorf("got %v, %v after %d grants, want the order after 2", ids(answer), err, grants)
			}
			if n := len(recording.Exchanges()); n != 2 {
				t.Errorf("got %d exchanges recorded, want the refused one too", n)
			}
			accepted = "none"
			for range 3 {
				_, err = p.Orders(t.Context(), window())
			}
			if e := clients.AsError(err); e == nil || grants > 3 {
				t.Errorf("got %v after %d grants, want failures, and one token more at most", err, grants)
			}
		})
	}
}

func TestHintOfARejectedKeyNamesTheKey(t *testing.T) {
	for text, want := range map[string]string{
		"scheme = \"api_key\"\napi_key = \"k\"\n":                                  "api_key, which is sent in the header X-API-Key",
		"scheme = \"api_key\"\napi_key = \"k\"\napi_key_header = \"X-Acme-Key\"\n": "api_key, which is sent in the header X-Acme-Key",
		"scheme = \"basic\"\nusername = \"u\"\npassword = \"p\"\n":                 "username and password",
	} {
		server := answering(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) })
		p := written(t, server.URL, text+"[orders]\npath = \"/orders\"\nmap = '.[]'\n")
		for _, when := range []string{"at once", "while it rests"} {
			_, err := p.Orders(t.Context(), window())
			if e := clients.AsError(err); e == nil || !strings.Contains(e.Hint, want) {
				t.Errorf("%s: got %+v, want a hint about %s", when, e, want)
			}
		}
	}
}
