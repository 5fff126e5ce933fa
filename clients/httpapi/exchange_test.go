package httpapi_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"orderbeat/clients"
	"orderbeat/clients/clienttest"
	"orderbeat/clients/exchange"
	"orderbeat/clients/httpapi"
	"orderbeat/clients/redact"
)

// canary is a secret that must not be recorded.
const canary = "kanarienvogel"

// decodeJSON reads one JSON value, and no more of the body than it must.
func decodeJSON(body io.Reader) error {
	var v map[string]any
	if err := json.NewDecoder(body).Decode(&v); err != nil {
		return err
	}
	if v["documentID"] == nil {
		return &clients.Error{Code: clients.CodeBadResponse, Message: "it has no documentID"}
	}
	return nil
}

// keptOf has a server answer a question, and returns the failure.
func keptOf(t *testing.T, contentType, body string, change func(*httpapi.HTTP) *httpapi.HTTP) *clients.Error {
	t.Helper()
	server := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.Header().Set("Set-Cookie", "a="+canary)
		_, _ = io.WriteString(w, body)
	})
	h := httpapi.NewHTTP(clienttest.Section("sample", server))
	if change != nil {
		h = change(h)
	}
	err := h.Do(t.Context(), httpapi.Call{
		Op: "sample", Method: http.MethodPost, URL: server + "/orders?window=7d&access_token=" + canary,
		Header: map[string]string{"Content-Type": "application/json"}, Body: []byte(`{"billTo":"1111111","password":"` + canary + `"}`),
	}, decodeJSON)
	if err == nil {
		return nil
	}
	return clients.AsError(err)
}

func TestUnreadableResponseIsAttached(t *testing.T) {
	long := strings.Repeat("<p>it goes on and on</p>", 5000)
	for name, c := range map[string]struct {
		contentType, body, want string
		truncated               bool
	}{
		"HTML":                        {"text/html", "<h1>Maintenance</h1>" + strings.Repeat(" ", 3000) + "<input name=state value='" + canary + "'>", "<h1>Maintenance</h1>" + strings.Repeat(" ", 3000) + "<input name=state value='REDACTED'>", false},
		"JSON that is wrong":          {"application/json", `{"client_secret":"` + canary + `",]`, `{"client_secret":"REDACTED",]`, false},
		"JSON that is another thing":  {"application/json", `{}`, `{}`, false},
		"nothing":                     {"application/json", ``, ``, false},
		"more than is kept":           {"text/html", long, long[:64<<10], true},
		"as much as is kept":          {"text/html", long[:64<<10-1] + "7", long[:64<<10-1] + "7", false},
		"a card number at the cut":    {"text/html", strings.Repeat("x", 64<<10-12) + "4111111111111111", strings.Repeat("x", 64<<10-12), true},
		"more than may be read":       {"application/json", `{"a":"` + strings.Repeat("y", clienttest.MaxBody) + `"}`, `{"a":"` + strings.Repeat("y", 64<<10-6), true},
		"what is not encoded as text": {"text/html", "caf\xe9", "caf\uFFFD", false},
	} {
		t.Run(name, func(t *testing.T) {
			began := time.Now()
			e := keptOf(t, c.contentType, c.body, nil)
			if e == nil || e.Code != clients.CodeBadResponse || e.Exchange == nil {
				t.Fatalf("got %+v, want bad_response with its exchange", e)
			}
			x := e.Exchange
			if x.ResponseBody != c.want || x.Truncated != c.truncated {
				t.Errorf("kept %d bytes (%.60q), truncated %t; want %d (%.60q), %t", len(x.ResponseBody), x.ResponseBody, x.Truncated, len(c.want), c.want, c.truncated)
			}
			if least := min(len(c.body), 64<<10); x.ResponseBytes < int64(least) || x.ResponseBytes > int64(len(c.body)) {
				t.Errorf("got %d bytes read, want %d or more, of %d", x.ResponseBytes, least, len(c.body))
			}
			if x.StartedAt.Before(began) || x.Duration <= 0 || x.Duration > time.Since(began) {
				t.Errorf("got %s for %s, want the time of the call", x.StartedAt, x.Duration)
			}
			if text := fmt.Sprintf("%+v", x); strings.Contains(text, canary) {
				t.Errorf("the canary is kept: %s", text)
			}
		})
	}
}

func TestRecordedRequest(t *testing.T) {
	signed := func(h *httpapi.HTTP) *httpapi.HTTP {
		return h.With(func(base http.RoundTripper) http.RoundTripper {
			return roundTripper(func(r *http.Request) (*http.Response, error) {
				r = r.Clone(r.Context())
				r.Header.Set("Authorization", "Bearer "+canary)
				return base.RoundTrip(r)
			})
		})
	}
	x := keptOf(t, "text/html", "<p>", signed).Exchange
	want := &exchange.Exchange{
		Op: "sample", Method: http.MethodPost, Status: 200, RequestBody: `{"billTo":"1111111","password":"REDACTED"}`,
		RequestHeader: http.Header{"Accept": {"application/json"}, "Accept-Encoding": {"gzip"}, "Content-Type": {"application/json"}, "User-Agent": {"orderbeat/test"}},
		ResponseBody:  "<p>", ResponseBytes: 3, Detail: exchange.Full,
		Code: string(clients.CodeBadResponse), Message: "the response is not the expected document",
	}
	if diff := cmp.Diff(want, x, cmpopts.IgnoreFields(exchange.Exchange{}, "URL", "StartedAt", "Duration", "ResponseHeader")); diff != "" {
		t.Errorf("kept (-want +got):\n%s", diff)
	}
	if !strings.HasSuffix(x.URL, "/orders?window=7d&access_token=REDACTED") || x.ResponseHeader.Get("Set-Cookie") != "REDACTED" {
		t.Errorf("got %s and %v, want both without secrets", x.URL, x.ResponseHeader)
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestMetadataHasNoBodies(t *testing.T) {
	const person = "123-45-6789"
	metadata := func(h *httpapi.HTTP) *httpapi.HTTP {
		return h.Keeping(exchange.Metadata, redact.New([]string{"X-Person"}, nil))
	}
	x := keptOf(t, "text/html", "<p>"+person, metadata).Exchange
	if x.RequestBody+x.ResponseBody != "" || x.Truncated || x.ResponseBytes == 0 || x.Status != 200 || x.ResponseHeader.Get("Content-Type") != "text/html" {
		t.Errorf("got %+v, want everything but the bodies", x)
	}
	if want := "/orders?window=REDACTED&access_token=REDACTED"; !strings.HasSuffix(x.URL, want) {
		t.Errorf("got %s, want it to end with %s", x.URL, want)
	}
}

func TestConfiguredNamesAreRedacted(t *testing.T) {
	own := func(h *httpapi.HTTP) *httpapi.HTTP {
		return h.Keeping(exchange.Full, redact.New([]string{"bill_to"}, nil)).With(func(base http.RoundTripper) http.RoundTripper { return base })
	}
	if x := keptOf(t, "text/html", "<p>", own).Exchange; !strings.Contains(x.RequestBody, `"billTo":"REDACTED"`) {
		t.Errorf("got %s, want it without billTo", x.RequestBody)
	}
}

func TestReadableResponseIsNotAttached(t *testing.T) {
	if e := keptOf(t, "application/json", `{"documentID":"C1"}`, nil); e != nil {
		t.Errorf("got %v, want no failure", e)
	}
	server := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) })
	_, err := post(t.Context(), httpapi.NewHTTP(clienttest.Section("sample", server)), server)
	if e := clients.AsError(err); e == nil || e.Exchange != nil {
		t.Errorf("got %+v, want a failure without an exchange", e)
	}
}

func TestExchangesAreNotLogged(t *testing.T) {
	const inBody = "only-in-the-body"
	var logged bytes.Buffer
	server := serve(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, inBody) })
	s := clienttest.Section("sample", server)
	s.Log = slog.New(slog.NewJSONHandler(&logged, &slog.HandlerOptions{Level: slog.LevelDebug}))
	err := httpapi.NewHTTP(s).Do(t.Context(), httpapi.Call{Op: "sample", Method: http.MethodGet, URL: server}, decodeJSON)
	s.Log.Error("it failed", "err", err)
	if e := clients.AsError(err); e == nil || e.Exchange == nil || e.Exchange.ResponseBody != inBody {
		t.Fatalf("got %+v, want the exchange", e)
	}
	for _, text := range []string{logged.String(), err.Error(), fmt.Sprintf("%+v", err)} {
		if strings.Contains(text, inBody) || text == "" {
			t.Errorf("the body is told: %s", text)
		}
	}
}

func TestObserverReceivesEveryExchange(t *testing.T) {
	answers := []string{`{"documentID":"1","card":"4111111111111111"}`, `{}`, ``}
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/refused" {
			http.Error(w, "no", http.StatusForbidden)
			return
		}
		_, _ = io.WriteString(w, answers[0])
		answers = answers[1:]
	})
	var heard []string
	s := clienttest.Section("sample", server)
	s.Watch = func(x exchange.Exchange) {
		heard = append(heard, fmt.Sprint(x.Status, " ", x.Method, " ", strings.TrimPrefix(x.URL, server), " ", x.RequestBody, " ", strings.TrimSpace(x.ResponseBody)))
	}
	h := httpapi.NewHTTP(s)
	ask := func(h *httpapi.HTTP, url string) {
		_ = h.Do(t.Context(), httpapi.Call{Op: "sample", Method: http.MethodPost, URL: url, Body: []byte(`{"token":"` + canary + `"}`)}, decodeJSON)
	}
	ask(h, server+"/orders")
	ask(h, server+"/orders")
	ask(h, server+"/refused")
	ask(h.Keeping(exchange.Metadata, redact.Redactor{}), server+"/orders?id=7")
	ask(h, "http://127.0.0.1:1/nobody")
	const body = ` {"token":"REDACTED"} `
	want := []string{
		"200 POST /orders" + body + `{"documentID":"1","card":"REDACTED"}`, "200 POST /orders" + body + "{}", "403 POST /refused" + body + "no",
		"200 POST /orders?id=REDACTED  ", "0 POST http://127.0.0.1:1/nobody" + body,
	}
	if diff := cmp.Diff(want, heard); diff != "" {
		t.Errorf("heard (-want +got):\n%s", diff)
	}
}
