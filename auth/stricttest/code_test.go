package stricttest_test

import (
	"io"
	"net/http"
	"net/url"
	"testing"
	"time"

	"orderbeat/auth"
)

// Each is a code whose redirect somebody has tampered with.
func TestCodeIsBoundToClientAndRedirectURI(t *testing.T) {
	t.Parallel()
	for name, run := range servers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := run(t, time.Minute)
			for name, tc := range map[string]struct {
				asked  string                // where the client wants the answer
				tamper func(page url.Values) // with what the browser opens
			}{
				"a verifier that belongs to another challenge": {redirectURI, func(page url.Values) {
					page.Set("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM") // RFC 7636, appendix B
				}},
				"another redirect URI": {otherURI, func(page url.Values) {
					page.Set("redirect_uri", redirectURI) // as registered as the other one
				}},
			} {
				t.Run(name, func(t *testing.T) {
					source := open(t, s.userConfig())
					page, c, err := source.Authorize(tc.asked)
					if err != nil {
						t.Fatal(err)
					}
					answer, err := browse(t, tampered(t, page, tc.tamper))
					if err != nil {
						t.Fatal(err)
					}
					wantConsent(t, source.Exchange(t.Context(), c, answer.Get("code")))
				})
			}
		})
	}
}

// No code comes of these pages: neither for a redirect URI that was not registered,
// byte for byte, nor without PKCE, which all the servers are told to demand.
func TestInvalidAuthorizationRequestsGetNoCode(t *testing.T) {
	t.Parallel()
	for name, run := range servers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			source := open(t, run(t, time.Minute).userConfig())
			for name, tamper := range map[string]func(page url.Values){
				"a redirect URI with one more slash":     func(page url.Values) { page.Set("redirect_uri", redirectURI+"/") },
				"a redirect URI with a query":            func(page url.Values) { page.Set("redirect_uri", redirectURI+"?a=b") },
				"a redirect URI under another host name": func(page url.Values) { page.Set("redirect_uri", "http://localhost:1/callback") },
				"no challenge": func(page url.Values) {
					page.Del("code_challenge")
					page.Del("code_challenge_method")
				},
				"a challenge that is the verifier": func(page url.Values) { page.Set("code_challenge_method", "plain") },
			} {
				t.Run(name, func(t *testing.T) {
					page, _, err := source.Authorize(redirectURI)
					if err != nil {
						t.Fatal(err)
					}
					if answer, _ := browse(t, tampered(t, page, tamper)); answer.Has("code") {
						t.Errorf("got a code: %v", answer)
					}
				})
			}
		})
	}
}

// The client sends a code once. Were it to be sent again, with all that belongs to it,
// it would be refused; some servers end the grant then.
func TestCodeIsValidOnce(t *testing.T) {
	t.Parallel()
	for name, run := range servers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := run(t, time.Minute)
			again := &repeater{}
			c := s.userConfig()
			c.Base = again
			source := open(t, c)
			page, asked, err := source.Authorize(redirectURI)
			if err != nil {
				t.Fatal(err)
			}
			answer, err := browse(t, page)
			if err != nil {
				t.Fatal(err)
			}
			if err := source.Exchange(t.Context(), asked, answer.Get("code")); err != nil {
				t.Fatal(err)
			}
			wantConsent(t, source.Exchange(t.Context(), asked, answer.Get("code")))
			if again.sent != 1 {
				t.Errorf("the code was sent %d times, want once", again.sent)
			}
			if got := again.repeat(t); got != http.StatusBadRequest && got != http.StatusUnauthorized {
				t.Errorf("the same request again: status %d, want it refused", got)
			}
			if !s.family {
				return
			}
			wantConsent(t, get(signing(t, s, source), s.at("/api")))
			if got := source.Status().State; got != auth.StateConsent {
				t.Errorf("state %s after the server ended the grant, want %s", got, auth.StateConsent)
			}
		})
	}
}

// repeater can send the last request again.
type repeater struct {
	sent int
	last *http.Request
}

func (r *repeater) RoundTrip(req *http.Request) (*http.Response, error) {
	r.sent++
	r.last = req
	return http.DefaultTransport.RoundTrip(req)
}

func (r *repeater) repeat(t *testing.T) int {
	t.Helper()
	req := r.last.Clone(t.Context())
	body, err := r.last.GetBody()
	if err != nil {
		t.Fatal(err)
	}
	req.Body = body
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode
}

func tampered(t *testing.T, page string, tamper func(url.Values)) string {
	t.Helper()
	u, err := url.Parse(page)
	if err != nil {
		t.Fatal(err)
	}
	query := u.Query()
	tamper(query)
	u.RawQuery = query.Encode()
	return u.String()
}
