package auth_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"orderbeat/auth"
	"orderbeat/auth/endpoint"
)

// inspected is a source with Michelin's token in hand, whose introspection endpoint
// answers so.
func inspected(t *testing.T, d endpoint.Dialect, answers ...reply) (*wire, *auth.Source) {
	t.Helper()
	w := tap(t, answers...)
	c := config(roundTripper(func(req *http.Request) (*http.Response, error) {
		if strings.HasSuffix(req.URL.Path, "/introspect") {
			return http.DefaultTransport.RoundTrip(req)
		}
		return respond(200, michelinAnswer), nil
	}))
	c.Dialect, c.IntrospectionURL, c.UserAgent = d, w.url.String()+"/idp/v2/b2b/oauth2/introspect", "orderbeat/1"
	s := open(t, c)
	mustToken(t, s)
	return w, s
}

// Michelin's page declares its sample as multipart/form-data, and writes the client
// into a form.
func TestIntrospectionRequestsByteForByte(t *testing.T) {
	const (
		path   = "/idp/v2/b2b/oauth2/introspect"
		client = "client_id=canary-client-id&client_secret=canary-client-secret&"
		token  = "token=00D9b000004Qmmi%21AQEAQG34mOW2FtFjM"
	)
	asMultipart := posted(path, "", multipartType, parts("client_id", clientID, "client_secret", clientSecret, "token", "00D9b000004Qmmi!AQEAQG34mOW2FtFjM"))
	asForm := posted(path, "", formType, client+token)
	ok := reply{200, `{"active": true}`}
	for _, tt := range []struct {
		document, name string
		dialect        endpoint.Dialect
		answers        []reply
		want           string
		status         int // of the error, 0 for none
	}{
		{michelinPage, "multipart", endpoint.Michelin(), []reply{ok}, asMultipart, 0},
		{michelinPage, "multipart, and a form after a 400", endpoint.Michelin(), []reply{{400, `{"error":"invalid_request"}`}, ok}, asMultipart + asForm, 0},
		{michelinPage, "multipart, and a form after a 415", endpoint.Michelin(), []reply{{415, ""}, ok}, asMultipart + asForm, 0},
		{michelinPage, "and that is all", endpoint.Michelin(), []reply{{415, ""}, {400, ""}}, asMultipart + asForm, 400},
		{michelinPage, "no form after a 401, which tells nothing of the token", endpoint.Michelin(), []reply{{401, `{"active": true}`}}, asMultipart, 401},
		{michelinPage, "no form after a 404", endpoint.Michelin(), []reply{{404, ""}}, asMultipart, 404},
		{michelinPage, "no form after a 429", endpoint.Michelin(), []reply{{429, ""}}, asMultipart, 429},
		{michelinPage, "no form after a 500", endpoint.Michelin(), []reply{{500, ""}}, asMultipart, 500},
		{michelinPage, "no form after an answer that says nothing", endpoint.Michelin(), []reply{{200, "{}"}}, asMultipart, 200},
		{"RFC 7662 section 2.1", "a form", endpoint.RFC6749(), []reply{ok}, asForm, 0},
		{"RFC 7662 section 2.1", "a form, once", endpoint.RFC6749(), []reply{{400, ""}}, asForm, 400},
		{"RFC 7662 section 2.1", "the client proves itself as it does for a token", endpoint.PTV(), []reply{ok}, posted(path, basic(clientID+":"+clientSecret), formType, token), 0},
	} {
		t.Run(tt.document+": "+tt.name, func(t *testing.T) {
			w, s := inspected(t, tt.dialect, tt.answers...)
			_, err := s.Introspect(t.Context())
			if e, ok := errors.AsType[*endpoint.Error](err); err != nil && (!ok || e.Status != tt.status) || (err != nil) != (tt.status != 0) {
				t.Errorf("got %v want status %d", err, tt.status)
			}
			if diff := cmp.Diff(tt.want, w.raw()); diff != "" {
				t.Errorf("requests (-want +got):\n%s", diff)
			}
		})
	}
}

func TestIntrospectionResponses(t *testing.T) {
	const sample = `{    "active": true,    "scope": "api openid",    "client_id": "3MVG9WcjRvm13aM4K_************.0XSjZWUFcTwElp ",
		"username": "user@customer.example",    "sub": "https://test.salesforce.com/id/00D9b000004QmmiEAC/0051i0",
		"token_type": "access_token",    "exp": 1727992153,    "iat": 1727984953,    "nbf": 1727984953}`
	issued := time.Date(2024, time.October, 3, 19, 49, 13, 0, time.UTC)
	active := func(exp time.Time) *endpoint.Introspection {
		return &endpoint.Introspection{Active: true, ExpiresAt: exp}
	}
	for _, tt := range []struct {
		document, name, body string
		want                 *endpoint.Introspection // nil is an error
	}{
		{michelinPage, "its sample, with a blank after the client id", sample, &endpoint.Introspection{
			Active: true, ExpiresAt: issued.Add(2 * time.Hour), IssuedAt: issued, Scope: "api openid",
			ClientID: "3MVG9WcjRvm13aM4K_************.0XSjZWUFcTwElp", Username: "user@customer.example",
		}},
		{"RFC 7662 section 2.2", "only whether it is active", `{"active":true}`, active(time.Time{})},
		{"RFC 7662 section 2.2", "the type is not compared", `{"active":true,"token_type":"mac"}`, active(time.Time{})},
		{"RFC 7662 section 2.2", "the end as text", `{"active":true,"exp":"1727992153"}`, active(issued.Add(2 * time.Hour))},
		{"RFC 7662 section 2.2", "the end with a fraction", `{"active":true,"exp":1727992153.9}`, active(issued.Add(2 * time.Hour))},
		{"RFC 7662 section 2.2", "the end in milliseconds is none", `{"active":true,"exp":1727992153000}`, active(time.Time{})},
		{"RFC 7662 section 2.2", "an end that is no number is none", `{"active":true,"exp":"soon"}`, active(time.Time{})},
		{"RFC 7662 section 2.2", "not active", `{"active":false}`, &endpoint.Introspection{}},
		{"RFC 7662 section 2.2", "nothing else counts of one that is not active", `{"active":false,"exp":1727992153,"scope":"api"}`, &endpoint.Introspection{}},
		{"RFC 7662 section 2.2", "text is no boolean", `{"active":"true"}`, nil},
		{"RFC 7662 section 2.2", "a number is no boolean", `{"active":1}`, nil},
		{"RFC 7662 section 2.2", "a member of another name is none", `{"Active":true}`, nil},
		{"RFC 7662 section 2.2", "nothing", ``, nil},
		{"RFC 7662 section 2.2", "HTML", `<html>`, nil},
		{"RFC 7662 section 2.2", "a list", `[true]`, nil},
	} {
		t.Run(tt.document+": "+tt.name, func(t *testing.T) {
			_, s := inspected(t, endpoint.RFC6749(), reply{200, tt.body})
			got, err := s.Introspect(t.Context())
			switch {
			case tt.want == nil:
				if e, ok := errors.AsType[*endpoint.Error](err); !ok || e.Class != endpoint.ClassTransient {
					t.Errorf("got %+v, %v want class transient", got, err)
				}
			case err != nil:
				t.Error(err)
			default:
				if diff := cmp.Diff(*tt.want, got); diff != "" {
					t.Errorf("introspection (-want +got):\n%s", diff)
				}
			}
		})
	}
}

// Introspection is a hint: whatever it says, or does not say, no call fails of it, no
// token is asked for, and none lives longer.
func TestIntrospectionChangesNothing(t *testing.T) {
	for name, answer := range map[string]func(*http.Request) (*http.Response, error){
		"says it is active for years": func(*http.Request) (*http.Response, error) {
			return respond(200, `{"active":true,"exp":4102444800}`), nil
		},
		"says it ends now": func(*http.Request) (*http.Response, error) {
			return respond(200, fmt.Sprintf(`{"active":true,"exp":%d}`, time.Now().Unix())), nil
		},
		"says it is not active":   func(*http.Request) (*http.Response, error) { return respond(200, `{"active":false}`), nil },
		"refuses the credentials": func(*http.Request) (*http.Response, error) { return respond(401, `{"error":"invalid_client"}`), nil },
		"has had too many":        func(*http.Request) (*http.Response, error) { return respond(429, ""), nil },
		"is unavailable":          func(*http.Request) (*http.Response, error) { return respond(500, ""), nil },
		"says nothing in time": func(req *http.Request) (*http.Response, error) {
			<-req.Context().Done()
			return nil, req.Context().Err()
		},
		"says what it was sent":    func(*http.Request) (*http.Response, error) { return respond(400, clientSecret), nil },
		"breaks off with a secret": func(*http.Request) (*http.Response, error) { return nil, errors.New("canary") },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := &tokenServer{}
				c := config(roundTripper(func(req *http.Request) (*http.Response, error) {
					if strings.HasSuffix(req.URL.Path, "/introspect") {
						return answer(req)
					}
					return e.RoundTrip(req)
				}))
				c.IntrospectionURL, c.Store = "https://api.example/introspect", auth.NewMemory()
				s := open(t, c)
				token := mustToken(t, s)
				before := s.Status()
				began := time.Now()
				if _, err := s.Introspect(t.Context()); err != nil {
					if _, ok := errors.AsType[*endpoint.Error](err); !ok {
						t.Errorf("got %v want an *endpoint.Error", err)
					}
					clean(t, "error", err.Error())
					if strings.Contains(err.Error(), "token endpoint") {
						t.Errorf("got %v want the endpoint that was asked to be named", err)
					}
				}
				between(t, "time", time.Since(began), 0, 2*30*time.Second) // it may be asked in two encodings
				after := s.Status()
				after.LifeLeft = before.LifeLeft // some of it has passed
				if diff := cmp.Diff(before, after); diff != "" {
					t.Errorf("status (-before +after):\n%s", diff)
				}
				if got := mustToken(t, s); got != token {
					t.Errorf("got generation %d want what there was", got.Generation)
				}
				e.got(t, 1)
				time.Sleep(120 * time.Minute) // and it ends when it would have
				mustToken(t, s)
				e.got(t, 2)
			})
		})
	}
}

func TestIntrospectionRequiresAToken(t *testing.T) {
	e := &tokenServer{}
	s := open(t, config(e))
	if _, err := s.Introspect(t.Context()); s.CanIntrospect() || err == nil || !strings.Contains(err.Error(), "introspection URL") {
		t.Errorf("got %v want that there is no endpoint", err)
	}
	c := config(e)
	c.IntrospectionURL = "https://api.example/introspect"
	s = open(t, c)
	if _, err := s.Introspect(t.Context()); !s.CanIntrospect() || err == nil || !strings.Contains(err.Error(), "no access token") {
		t.Errorf("got %v want that there is no token", err)
	}
	e.got(t, 0)
}

// Another process has the token: this one need not ask for one to tell of it.
func TestStoredTokenIsIntrospected(t *testing.T) {
	c := config(&tokenServer{})
	c.Store = auth.NewMemory()
	mustToken(t, open(t, c))
	var sent string
	c.Base = roundTripper(func(req *http.Request) (*http.Response, error) {
		sent = bodyOf(t, req)
		return respond(200, `{"active":true}`), nil
	})
	c.Dialect, c.IntrospectionURL = endpoint.RFC6749(), "https://api.example/introspect"
	s := open(t, c)
	if err := s.Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Introspect(t.Context()); err != nil || !got.Active || !strings.Contains(sent, "token=token-1") {
		t.Errorf("got %+v, %v after %q want what the store has", got, err, sent)
	}
}
