package httpapi_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"orderbeat/auth"
	"orderbeat/auth/endpoint"
	"orderbeat/clients"
	"orderbeat/clients/clienttest"
	"orderbeat/clients/exchange"
	"orderbeat/clients/httpapi"
	"orderbeat/clients/redact"
)

// told is a recorded exchange in a line, with its answer's body unpacked.
func told(t *testing.T, server string, x exchange.Exchange) string {
	t.Helper()
	body, err := x.Body()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(fmt.Sprint(x.Status, " ", x.Detail, " ", strings.TrimPrefix(x.URL, server), " ", x.RequestBody, " ", strings.TrimSpace(string(body)), " ", x.Code))
}

func TestEveryExchangeOfAnAttemptIsRecorded(t *testing.T) {
	answers := []string{`{"documentID":"1","card":"4111111111111111","state":"open","accessToken":"` + canary + `"}`, `<input name=state value='` + canary + `'>`}
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/refused" {
			http.Error(w, "no", http.StatusForbidden)
			return
		}
		_, _ = io.WriteString(w, answers[0])
		answers = answers[1:]
	})
	h := httpapi.NewHTTP(clienttest.Section("sample", server))
	ctx, recording := exchange.Record(t.Context())
	ask := func(h *httpapi.HTTP, url string) {
		_ = h.Do(ctx, httpapi.Call{Op: "sample", Method: http.MethodPost, URL: url, Body: []byte(`{"token":"` + canary + `"}`)}, decodeJSON)
	}
	ask(h, server+"/orders?state=open&id_token="+canary)
	ask(h, server+"/orders")
	ask(h, server+"/refused")
	ask(h, "http://127.0.0.1:1/nobody")
	ask(h.Keeping(exchange.Off, redact.Redactor{}), server+"/refused")
	ask(h.Keeping(exchange.Metadata, redact.Redactor{}), server+"/refused?id=7")
	var got []string
	for _, x := range recording.Exchanges() {
		got = append(got, told(t, server, x))
	}
	const body = ` {"token":"REDACTED"} `
	want := []string{
		"200 full /orders?state=REDACTED&id_token=REDACTED" + body + `{"documentID":"1","card":"REDACTED","state":"open","accessToken":"REDACTED"}`,
		"200 full /orders" + body + "<input name=state value='REDACTED'> bad_response",
		"403 full /refused" + body + "no forbidden",
		"0 full http://127.0.0.1:1/nobody" + body + " unavailable",
		"403 metadata /refused?id=REDACTED   forbidden",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("recorded (-want +got):\n%s", diff)
	}
}

// noise is a document of about so many bytes that cannot be packed well.
func noise(size int) string {
	r := rand.New(rand.NewPCG(1, 2))
	var b strings.Builder
	b.WriteString(`{"documentID":"1","list":["`)
	for b.Len() < size {
		b.WriteByte('a' + byte(r.IntN(26))) // digits might pass for a card's
	}
	b.WriteString(`"]}`)
	return b.String()
}

func TestResponseIsRecordedWhole(t *testing.T) {
	for name, c := range map[string]struct {
		body           string
		read           func(io.Reader) error
		packed, cutOff bool
	}{
		"a short one as it is":               {body: `{"documentID":"1","note":"kept as it is"}`},
		"a long one packed":                  {body: noise(600 << 10), packed: true},
		"an empty one":                       {body: "", read: func(r io.Reader) error { _, err := io.Copy(io.Discard, r); return err }},
		"one of which the reader had enough": {body: noise(200 << 10), packed: true, cutOff: true, read: func(r io.Reader) error { _, err := io.CopyN(io.Discard, r, 100<<10); return err }},
	} {
		t.Run(name, func(t *testing.T) {
			server := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, c.body) })
			read := c.read
			if read == nil {
				read = decodeJSON
			}
			ctx, recording := exchange.Record(t.Context())
			if err := httpapi.NewHTTP(clienttest.Section("sample", server)).Do(ctx, httpapi.Call{Op: "sample", Method: http.MethodGet, URL: server}, read); err != nil {
				t.Fatal(err)
			}
			list := recording.Exchanges()
			if len(list) != 1 {
				t.Fatalf("got %d exchanges, want 1", len(list))
			}
			body, err := list[0].Body()
			if err != nil || (list[0].ResponseGzip != nil) != c.packed || list[0].Truncated != c.cutOff {
				t.Errorf("got %d packed bytes, truncated %t, %v", len(list[0].ResponseGzip), list[0].Truncated, err)
			}
			if !c.cutOff && string(body) != c.body || !strings.HasPrefix(c.body, string(body)) {
				t.Errorf("got %d bytes (%.60q), want %d (%.60q)", len(body), body, len(c.body), c.body)
			}
		})
	}
}

// The 401 that made a call be sent again is recorded, and no token is.
func TestReplayedCallIsRecordedTwice(t *testing.T) {
	tokens, calls := 0, 0
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/token":
			tokens++
			fmt.Fprintf(w, `{"access_token":"%s-%d","token_type":"Bearer","expires_in":3600}`, canary, tokens)
		case calls == 0:
			calls++
			w.WriteHeader(http.StatusUnauthorized)
		default:
			_, _ = io.WriteString(w, `{"documentID":"1"}`)
		}
	})
	s := clienttest.Section("sample", server)
	source, err := auth.NewSource(auth.Config{
		Dialect: endpoint.RFC6749(), Provider: "sample", Environment: "sandbox", TokenURL: server + "/token", ClientID: s.ClientID, ClientSecret: s.ClientSecret,
		Store: s.Tokens, Limiter: s.TokenRate.Limiter(), Base: httpapi.NewTransport(s.Config), Timeout: s.Timeout,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { source.Close() })
	ctx, recording := exchange.Record(t.Context())
	if err := httpapi.NewHTTP(s).Bearer(source, origin(t, server)).Do(ctx, httpapi.Call{Op: "sample", Method: http.MethodGet, URL: server + "/orders"}, decodeJSON); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, x := range recording.Exchanges() {
		got = append(got, told(t, server, x))
		if text := fmt.Sprintf("%+v", x); strings.Contains(text, canary) || x.Duration <= 0 {
			t.Errorf("got %s, want its duration, and no token", text)
		}
	}
	if diff := cmp.Diff([]string{"401 metadata /orders   unauthorized", `200 full /orders  {"documentID":"1"}`}, got); diff != "" || tokens != 2 {
		t.Errorf("recorded, with %d token requests (-want +got):\n%s", tokens, diff)
	}
}

func TestRecordedExchangesAreLimited(t *testing.T) {
	server := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"documentID":"1"}`) })
	s := clienttest.Section("sample", server)
	s.Rate = clients.Rate{}
	h := httpapi.NewHTTP(s)
	const most = 5000
	ctx, recording := exchange.Record(t.Context())
	for range most + 1 {
		if err := h.Do(ctx, httpapi.Call{Op: "sample", Method: http.MethodGet, URL: server}, decodeJSON); err != nil {
			t.Fatal(err)
		}
	}
	list := recording.Exchanges()
	if len(list) != most || list[most-2].Truncated || !list[most-1].Truncated {
		t.Errorf("got %d exchanges, want %d of which the last tells that there were more", len(list), most)
	}
}

func TestRecordedExchangesCanBeReplayed(t *testing.T) {
	asked := 0
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		asked++
		w.Header().Set("Link", fmt.Sprintf("</orders?page=%d>; rel=next", asked+1))
		if r.URL.Query().Get("page") == "3" {
			http.NotFound(w, r)
			return
		}
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, `{"documentID":"%d","page":%q,"echo":%q}`, asked, r.URL.Query().Get("page"), body)
	})
	ask := func(ctx context.Context, server, page, body string) string {
		var link string
		var got struct{ DocumentID, Page, Echo string }
		h := httpapi.NewHTTP(clienttest.Section("sample", server)).With(func(base http.RoundTripper) http.RoundTripper { return base })
		err := h.Answer(ctx, httpapi.Call{Op: "sample", Method: http.MethodPost, URL: server + "/orders?pageToken=" + page + "&page=" + page, Body: []byte(body)}, func(r httpapi.Response) error {
			link = r.Header.Get("Link")
			return json.NewDecoder(r.Body).Decode(&got)
		})
		if err != nil {
			e := clients.AsError(err)
			return fmt.Sprint(e.Code, " ", e.Status)
		}
		return fmt.Sprint(got.DocumentID, got.Page, got.Echo, link)
	}
	questions := [][2]string{{"1", "a"}, {"2", "a"}, {"1", "b"}, {"1", "a"}, {"3", ""}}
	ctx, recording := exchange.Record(t.Context())
	var want, got []string
	for _, q := range questions {
		want = append(want, ask(ctx, server, q[0], q[1]))
	}
	list, before := recording.Exchanges(), asked
	ctx, again := exchange.Record(exchange.WithPlayback(t.Context(), list))
	var expected []string
	for _, i := range []int{4, 2, 1, 0, 3} { // of an API that is elsewhere now, and away
		got, expected = append(got, ask(ctx, "http://127.0.0.1:1", questions[i][0], questions[i][1])), append(expected, want[i])
	}
	if diff := cmp.Diff(expected, got); diff != "" || asked != before {
		t.Errorf("played back, with %d calls (-want +got):\n%s", asked-before, diff)
	}
	if extra := ask(ctx, server, "1", "a"); extra != "invalid 0" || asked != before {
		t.Errorf("a further call: got %s and %d calls, want that there is no answer to it", extra, asked-before)
	}
	if n := len(again.Exchanges()); n != 0 {
		t.Errorf("got %d exchanges of what is played back, want none", n)
	}
}
