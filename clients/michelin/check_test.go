package michelin_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"orderbeat/clients"
	"orderbeat/clients/clienttest"
	"orderbeat/clients/michelin"
	"orderbeat/clients/section"
	"orderbeat/jobs"
)

const introspectPath = "/idp/v2/b2b/oauth2/introspect"

// checked runs a check against a server that answers token and introspection requests
// so, and nothing else; nil is not to be asked.
func checked(t *testing.T, token, introspection http.HandlerFunc, change func(*section.Section)) jobs.Outcome {
	t.Helper()
	mux := http.NewServeMux()
	for path, answer := range map[string]http.HandlerFunc{tokenPath: token, introspectPath: introspection, "/": nil} {
		if answer == nil {
			answer = func(_ http.ResponseWriter, r *http.Request) { t.Errorf("got a request for %s, want none", r.URL.Path) }
		}
		mux.HandleFunc(path, answer)
	}
	server := httptest.NewServer(mux)
	defer server.Close()
	account := lastDays.Account
	job := jobs.Job{Kind: "check", Account: account.Name, Attempt: 1, FirstAt: time.Now()}
	out, err := jobs.Perform(t.Context(), open(t, server.URL, change), account, job, clients.Retry{Attempts: 3, For: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func answers(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	}
}

func TestCheck(t *testing.T) {
	granted := answers(200, grant("sample!token"))
	for name, c := range map[string]struct {
		token, introspection http.HandlerFunc
		want                 jobs.State
		code                 clients.Code
	}{
		"a token that is active":              {granted, answers(200, `{"active":true,"token_type":"access_token"}`), jobs.Succeeded, ""},
		"a token that is said to be none":     {granted, answers(200, `{"active":false}`), jobs.Partial, clients.CodeInvalid},
		"introspection that is down":          {granted, answers(503, ""), jobs.Succeeded, ""},
		"introspection that is not there":     {granted, answers(404, "<html>"), jobs.Succeeded, ""},
		"introspection that is refused":       {granted, answers(401, ""), jobs.Succeeded, ""},
		"introspection that says nothing":     {granted, answers(200, `{"error":"invalid_request"}`), jobs.Succeeded, ""},
		"credentials that are refused":        {answers(400, `{"error":"invalid_client"}`), nil, jobs.Failed, clients.CodeAuthRejected},
		"a token endpoint that cannot answer": {answers(503, ""), nil, jobs.Waiting, clients.CodeUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			out := checked(t, c.token, c.introspection, nil)
			code := clients.Code("")
			if out.Err != nil {
				code = out.Err.Code
			}
			if out.State != c.want || code != c.code {
				t.Errorf("got %s with %v, want %s with code %q", out.State, out.Err, c.want, c.code)
			}
		})
	}
}

// The portal page's sample declares multipart/form-data, and writes most of the rest as
// a form.
func TestIntrospectionSendsTokenAndCredentials(t *testing.T) {
	var got map[string]string
	checked(t, answers(200, grant("sample!token")), func(w http.ResponseWriter, r *http.Request) {
		got = map[string]string{"content type": strings.Split(r.Header.Get("Content-Type"), ";")[0]}
		for _, name := range []string{"token", "client_id", "client_secret"} {
			got[name] = r.PostFormValue(name)
		}
		fmt.Fprint(w, `{"active":true}`)
	}, nil)
	want := map[string]string{
		"content type": "multipart/form-data", "token": "sample!token",
		"client_id": "sample-client", "client_secret": clienttest.ClientSecret,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the request differs (-want +got):\n%s", diff)
	}
}

func TestIntrospectionAtAnotherURL(t *testing.T) {
	asked := make(chan string, 2)
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		asked <- r.URL.Path
		fmt.Fprint(w, `{"active":false}`)
	}))
	defer elsewhere.Close()
	out := checked(t, answers(200, grant("sample!token")), answers(200, `{"active":true}`), func(s *section.Section) {
		s.Decode = clienttest.Decode(map[string]any{"introspection_url": elsewhere.URL + "/examine"})
	})
	close(asked)
	if got := <-asked; got != "/examine" || out.State != jobs.Partial {
		t.Errorf("got a request for %q and %s, want /examine and partial", got, out.State)
	}
}

// The client's secret goes to no host that only base_url names.
func TestCustomTokenURLHasNoIntrospection(t *testing.T) {
	token := httptest.NewServer(answers(200, grant("sample!token")))
	defer token.Close()
	out := checked(t, nil, nil, func(s *section.Section) { s.TokenURL = token.URL })
	if out.State != jobs.Succeeded {
		t.Errorf("got %s with %v, want succeeded", out.State, out.Err)
	}
}

func TestOlderSchemeCannotBeChecked(t *testing.T) {
	out := checked(t, nil, nil, olderScheme)
	if out.State != jobs.Failed || out.Err.Code != clients.CodeInvalid || !strings.Contains(out.Err.Message, "without requesting orders") {
		t.Errorf("got %s with %v, want failed: nothing can be checked", out.State, out.Err)
	}
}

func TestCredentials(t *testing.T) {
	for name, c := range map[string]struct {
		change  func(*section.Section)
		dialect string
	}{"tokens": {nil, "michelin"}, "the older scheme": {olderScheme, "static"}} {
		p := open(t, "http://127.0.0.1:1", c.change)
		all := p.(*michelin.Client).Credentials()
		if len(all) != 1 || all[0].Status().Dialect != c.dialect || all[0].Provider() != "michelin" || all[0].User() != "" {
			t.Errorf("%s: got %d credentials, want the client's own", name, len(all))
		}
	}
}
