package auth_test

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"

	"orderbeat/auth"
)

func TestChallengesAreClassified(t *testing.T) {
	for challenge, want := range map[string]string{
		`Bearer error="invalid_token"`: "refused",
		`Bearer realm="api, and more", error="invalid_token", error_description="expired"`: "refused",
		`bearer error=invalid_token`:                                        "refused",
		`Bearer  realm="x",error = "Invalid_Token"`:                         "refused",
		`Basic realm="api", Bearer error="invalid_token"`:                   "refused",
		"Negotiate\nBearer error=\"invalid_token\"":                         "refused",
		`Negotiate, Bearer error="invalid_token"`:                           "refused",
		`Bearer error="insufficient_scope"`:                                 "rights",
		`Basic realm="api", Bearer scope="a b", error="insufficient_scope"`: "rights",
		`Bearer realm="error=\"invalid_token\""`:                            "",
		`Bearer error_description="invalid_token"`:                          "",
		`Basic error="invalid_token"`:                                       "",
		`Bearer error="invalid_token", Basic error="insufficient_scope"`:    "refused",
		`Bearer`: "",
		``:       "",
		`,=,"`:   "",
	} {
		h := http.Header{"Www-Authenticate": strings.Split(challenge, "\n")}
		if got := auth.LacksRights(h); got != (want == "rights") {
			t.Errorf("%s: got lacks rights %t", challenge, got)
		}
		for status, refused := range map[int]bool{401: want != "rights", 403: want == "refused", 400: want == "refused", 404: false, 200: false, 500: false} {
			if got := auth.RefusesToken(status, h); got != refused {
				t.Errorf("%s: %d: got refused %t want %t", challenge, status, got, refused)
			}
		}
	}
}

// A token that is refused otherwise than by a 401 is renewed once, and the call sent once more.
func TestTokenRejectionsAreRecognized(t *testing.T) {
	words := func(_ *http.Request, resp *http.Response) bool {
		body, _ := io.ReadAll(resp.Body)
		resp.Body = io.NopCloser(bytes.NewReader(body))
		return strings.Contains(string(body), "expired") || resp.StatusCode == http.StatusFound
	}
	challenge := http.Header{"Www-Authenticate": {`Bearer error="invalid_token"`}}
	for name, c := range map[string]struct {
		status  int
		header  http.Header
		body    string
		refuses func(*http.Request, *http.Response) bool
	}{
		"a 403 whose challenge says so": {403, challenge, "", nil},
		"a 400 whose challenge says so": {400, challenge, "", nil},
		"a 200 whose body says so":      {200, http.Header{}, `{"error": "expired"}`, words},
		"a 500 whose body says so":      {500, http.Header{}, `token expired`, words},
		"a login page that it leads to": {302, http.Header{"Location": {"/login"}}, "", words},
	} {
		t.Run(name, func(t *testing.T) {
			e := &tokenServer{}
			calls := 0
			api := roundTripper(func(req *http.Request) (*http.Response, error) {
				calls++
				if req.Header.Get("Authorization") == "Bearer token-1" {
					resp := respond(c.status, c.body)
					resp.Header = c.header
					return resp, nil
				}
				return respond(200, "orders"), nil
			})
			client := signing(open(t, config(e)), api)
			client.Transport.(*auth.Transport).RejectsToken = c.refuses
			client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
			if status, body := call(t, client, nil); status != 200 || body != "orders" || calls != 2 {
				t.Errorf("got %d %q after %d calls, want the orders after 2", status, body, calls)
			}
			e.got(t, 2)
		})
	}
	t.Run("and again with the new one", func(t *testing.T) {
		e := &tokenServer{}
		client := signing(open(t, config(e)), roundTripper(func(*http.Request) (*http.Response, error) {
			resp := respond(403, "")
			resp.Header = challenge
			return resp, nil
		}))
		for range 5 {
			_, _ = client.Get("https://api.example/orders")
		}
		e.got(t, 2) // and then a rest, as after 401s
	})
}
