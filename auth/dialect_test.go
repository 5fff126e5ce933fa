package auth_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httputil"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"orderbeat/auth"
)

func TestTokenRequestByteForByte(t *testing.T) {
	var raw []byte
	u := server(t, func(w http.ResponseWriter, r *http.Request) {
		raw, _ = httputil.DumpRequest(r, true)
		io.WriteString(w, `{"access_token":"a"}`)
	})
	c := config(nil)
	c.TokenURL = u.JoinPath("/idp/v2/b2b/oauth2/token").String()
	c.ClientID, c.ClientSecret = auth.NewSecret("3MVG9.x_&y"), auth.NewSecret("p@ss/w+rd=é %")
	c.UserAgent = "orderbeat/1"
	mustToken(t, open(t, c))
	want := "POST /idp/v2/b2b/oauth2/token HTTP/1.1\r\n" +
		"Host: " + u.Host + "\r\n" +
		"Accept: application/json\r\n" +
		"Accept-Encoding: gzip\r\n" +
		"Content-Length: 108\r\n" +
		"Content-Type: application/x-www-form-urlencoded\r\n" +
		"User-Agent: orderbeat/1\r\n" +
		"\r\n" +
		"client_id=3MVG9.x_%26y&client_secret=p%40ss%2Fw%2Brd%3D%C3%A9+%25&grant_type=client_credentials"
	want = strings.Replace(want, "108", fmt.Sprint(len(want)-strings.Index(want, "client_id")), 1)
	if diff := cmp.Diff(want, string(raw)); diff != "" {
		t.Errorf("request (-want +got):\n%s", diff)
	}
}

// michelinAnswer is the sample of Michelin's developer portal page of 1 April 2025.
const michelinAnswer = `{  "access_token": "00D9b000004Qmmi!AQEAQG34mOW2FtFjM",  "signature": "fdgEV0NBfQJCgHD38DAynJ4rfb76bg3xd1D+znhTfyo=",
	"scope": "openid api",  "instance_url": "https://xxxxx",  "id": "https://xxxxxx/id/00D9b000004QmmiEAC/0051i000005JN7VAAW",
	"token_type": "Bearer",  "issued_at": "1727983572407"}`

func TestAnswersThatGrantAToken(t *testing.T) {
	for _, tt := range []struct {
		name    string
		dialect auth.Dialect
		body    string
		token   string
		life    time.Duration
	}{
		{"Michelin's own sample lives 120 minutes", auth.Michelin(), michelinAnswer, "00D9b000004Qmmi!AQEAQG34mOW2FtFjM", 120 * time.Minute},
		{"a life as a number", auth.RFC6749(), `{"access_token":"a","token_type":"bearer","expires_in":3599}`, "a", 3599 * time.Second},
		{"a life as text", auth.RFC6749(), `{"access_token":"a","token_type":"Bearer","expires_in":"899"}`, "a", 899 * time.Second},
		{"a life as text with a fraction", auth.RFC6749(), `{"access_token":"a","expires_in":"3599.0"}`, "a", 3599 * time.Second},
		{"a life with an exponent", auth.RFC6749(), `{"access_token":"a","expires_in":1e3}`, "a", 1000 * time.Second},
		{"a blank life is not told", auth.RFC6749(), `{"access_token":"a","expires_in":""}`, "a", time.Hour},
		{"a life that is no number is not told", auth.RFC6749(), `{"access_token":"a","expires_in":"soon"}`, "a", time.Hour},
		{"no life at all is not told", auth.RFC6749(), `{"access_token":"a","expires_in":null}`, "a", time.Hour},
		{"a life of nothing is not told", auth.RFC6749(), `{"access_token":"a","expires_in":0}`, "a", time.Hour},
		{"a date is no life", auth.RFC6749(), `{"access_token":"a","expires_in":1795229725}`, "a", time.Hour},
		{"NaN is no life", auth.RFC6749(), `{"access_token":"a","expires_in":"NaN"}`, "a", time.Hour},
		{"members of other names in other case", auth.RFC6749(), `{"Error":"x","Access_Token":"b","access_token":"a"}`, "a", time.Hour},
		{"an empty error is none", auth.RFC6749(), `{"access_token":"a","error":null}`, "a", time.Hour},
		{"a refresh token is ignored", auth.RFC6749(), `{"access_token":"a","refresh_token":"r"}`, "a", time.Hour},
		{"an unknown type is a bearer token at Michelin", auth.Michelin(), `{"access_token":"a","token_type":"string"}`, "a", 120 * time.Minute},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := config(&endpoint{answer: func(int64, *http.Request) (*http.Response, error) { return respond(200, tt.body), nil }})
				c.Dialect = tt.dialect
				token := mustToken(t, open(t, c))
				if got := token.Access.Reveal(); got != tt.token {
					t.Errorf("token: got %q want %q", got, tt.token)
				}
				if got := time.Until(token.ExpiresAt); got != tt.life {
					t.Errorf("life: got %v want %v", got, tt.life)
				}
			})
		})
	}
}

func TestAConfiguredLifeStandsInForOneThatIsNotTold(t *testing.T) {
	for body, want := range map[string]time.Duration{
		michelinAnswer:                         45 * time.Minute,
		`{"access_token":"a","expires_in":60}`: time.Minute,
	} {
		synctest.Test(t, func(t *testing.T) {
			c := config(&endpoint{answer: func(int64, *http.Request) (*http.Response, error) { return respond(200, body), nil }})
			c.TTL = 45 * time.Minute
			s := open(t, c)
			if got := time.Until(mustToken(t, s).ExpiresAt); got != want {
				t.Errorf("life: got %v want %v", got, want)
			}
			if got := s.Status().Guessed; got != (body == michelinAnswer) {
				t.Errorf("guessed: got %v", got)
			}
		})
	}
}

func TestAnswersThatDoNot(t *testing.T) {
	for _, tt := range []struct {
		name    string
		dialect auth.Dialect
		status  int
		header  http.Header
		body    string
		want    auth.Error // Class, Status, Code and, where it matters, Hint
	}{
		{"Michelin's blanks around the code", auth.Michelin(), 400, nil, `{"error": " Unsupported_Grant_Type "}`, auth.Error{Class: auth.ClassRequest, Code: "unsupported_grant_type", Hint: "Content-Type application/x-www-form-urlencoded"}},
		{"Michelin's refused credentials", auth.Michelin(), 400, nil, `{"error":"invalid_client","error_description":"invalid client credentials"}`, auth.Error{Class: auth.ClassCredential, Code: "invalid_client", Hint: "properly encoded"}},
		{"the code goes before the status", auth.RFC6749(), 500, nil, `{"error":"invalid_client"}`, auth.Error{Class: auth.ClassCredential, Code: "invalid_client", Hint: "client id"}},
		{"a success with an error", auth.RFC6749(), 200, nil, `{"error":"invalid_scope","access_token":"a"}`, auth.Error{Class: auth.ClassRequest, Code: "invalid_scope"}},
		{"a success with an error that is no text", auth.RFC6749(), 200, nil, `{"error":{"code":7},"access_token":"a"}`, auth.Error{Class: auth.ClassTransient}},
		{"a success without a token", auth.RFC6749(), 200, nil, `{}`, auth.Error{Class: auth.ClassTransient}},
		{"a success that is not JSON", auth.RFC6749(), 200, nil, `<html>`, auth.Error{Class: auth.ClassTransient}},
		{"a token with a line break", auth.RFC6749(), 200, nil, `{"access_token":"a\r\nX: y"}`, auth.Error{Class: auth.ClassTransient}},
		{"a token with a blank", auth.RFC6749(), 200, nil, `{"access_token":"a b"}`, auth.Error{Class: auth.ClassTransient}},
		{"an answer beyond one MiB", auth.RFC6749(), 200, nil, `{"access_token":"a","x":"` + strings.Repeat("x", 1<<20) + `"}`, auth.Error{Class: auth.ClassTransient}},
		{"an unknown type", auth.RFC6749(), 200, nil, `{"access_token":"a","token_type":"string"}`, auth.Error{Class: auth.ClassRequest}},
		{"DPoP, also at Michelin", auth.Michelin(), 200, nil, `{"access_token":"a","token_type":"DPoP"}`, auth.Error{Class: auth.ClassRequest}},
		{"N_A, also at Michelin", auth.Michelin(), 200, nil, `{"access_token":"a","token_type":"N_A"}`, auth.Error{Class: auth.ClassRequest}},
		{"401 without a word", auth.RFC6749(), 401, nil, ``, auth.Error{Class: auth.ClassCredential}},
		{"403 without a word", auth.RFC6749(), 403, nil, `{}`, auth.Error{Class: auth.ClassCredential}},
		{"404", auth.RFC6749(), 404, nil, `not here`, auth.Error{Class: auth.ClassRequest}},
		{"415", auth.RFC6749(), 415, nil, ``, auth.Error{Class: auth.ClassRequest}},
		{"too many requests", auth.RFC6749(), 429, nil, ``, auth.Error{Class: auth.ClassThrottle}},
		{"too many requests that blames the credentials", auth.RFC6749(), 429, nil, `{"error":"invalid_client"}`, auth.Error{Class: auth.ClassThrottle, Code: "invalid_client"}},
		{"503 with Retry-After", auth.RFC6749(), 503, http.Header{"Retry-After": {"30"}}, ``, auth.Error{Class: auth.ClassThrottle}},
		{"503 without", auth.RFC6749(), 503, nil, ``, auth.Error{Class: auth.ClassTransient}},
		{"500", auth.RFC6749(), 500, nil, ``, auth.Error{Class: auth.ClassTransient}},
		{"408", auth.RFC6749(), 408, nil, ``, auth.Error{Class: auth.ClassTransient}},
		{"a code nobody knows", auth.RFC6749(), 400, nil, `{"error":"tenant_disabled"}`, auth.Error{Class: auth.ClassRequest, Code: "tenant_disabled"}},
		{"a code that is a sentence", auth.RFC6749(), 401, nil, `{"error":"ClientId is Invalid"}`, auth.Error{Class: auth.ClassCredential}},
		{"a code that repeats the secret", auth.RFC6749(), 401, nil, `{"error":"bad_` + clientSecret + `"}`, auth.Error{Class: auth.ClassCredential}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := config(&endpoint{answer: func(int64, *http.Request) (*http.Response, error) {
				resp := respond(tt.status, tt.body)
				for name := range tt.header {
					resp.Header.Set(name, tt.header.Get(name))
				}
				return resp, nil
			}})
			c.Dialect = tt.dialect
			_, err := open(t, c).Token(t.Context())
			got, ok := errors.AsType[*auth.Error](err)
			if !ok {
				t.Fatalf("got %v want an *auth.Error", err)
			}
			tt.want.Status = tt.status
			if got.Class != tt.want.Class || got.Status != tt.want.Status || got.Code != tt.want.Code || !strings.Contains(got.Hint, tt.want.Hint) {
				t.Errorf("got %+v want %+v", got, tt.want)
			}
			if got.After <= 0 || got.Cooling {
				t.Errorf("after %v, cooling %v: want a rest to follow an attempt that was made", got.After, got.Cooling)
			}
		})
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	elsewhere := server(t, func(http.ResponseWriter, *http.Request) { t.Error("the secret went elsewhere") })
	for _, status := range []int{301, 302, 303, 307, 308} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			u := server(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, elsewhere.String(), status) })
			c := config(nil)
			c.TokenURL = u.String()
			_, err := open(t, c).Token(t.Context())
			if e, ok := errors.AsType[*auth.Error](err); !ok || e.Class != auth.ClassRequest || e.Status != status {
				t.Errorf("got %v want class request, status %d", err, status)
			}
		})
	}
}

func TestConfigurationMistakesComeTogether(t *testing.T) {
	_, err := auth.NewSource(auth.Config{TokenURL: "http://api.example/token"})
	want := "auth: dialect is missing\nauth: provider is missing\nauth: client id is missing\nauth: client secret is missing\n" +
		"auth: a token's life, in the dialect or as TTL is missing\nauth: the token URL must be https, or http on a loopback address"
	if err == nil || err.Error() != want {
		t.Errorf("got %v want %v", err, want)
	}
}

// Whatever comes, it is a token that a header can carry, or an *auth.Error.
func FuzzAnswer(f *testing.F) {
	f.Add(200, michelinAnswer)
	f.Add(200, `{"access_token":"a","expires_in":"899","token_type":"N_A"}`)
	f.Add(400, `{"error": " unsupported_grant_type "}`)
	f.Add(401, `{"ErrorCode":"invalid_client","Error":"ClientId is Invalid"}`)
	f.Add(200, `{"access_token":{},"error":[],"expires_in":-1e999}`)
	f.Add(302, ``)
	f.Fuzz(func(t *testing.T, status int, body string) {
		s := open(t, config(&endpoint{answer: func(int64, *http.Request) (*http.Response, error) { return respond(status, body), nil }}))
		token, err := s.Token(t.Context())
		if err == nil {
			if token.Access.Empty() || strings.ContainsAny(token.Access.Reveal(), "\r\n\x00 ") || !token.ExpiresAt.After(time.Now()) {
				t.Errorf("granted %q until %v", token.Access.Reveal(), token.ExpiresAt)
			}
			return
		}
		if _, ok := errors.AsType[*auth.Error](err); !ok || strings.ContainsAny(err.Error(), "\r\n\x00") {
			t.Errorf("got %q want an *auth.Error in one line", err)
		}
	})
}
