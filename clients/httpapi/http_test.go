package httpapi_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"orderbeat/auth/secret"

	"orderbeat/auth"
	"orderbeat/auth/endpoint"
	"orderbeat/clients"
	"orderbeat/clients/clienttest"
	"orderbeat/clients/httpapi"
)

// post asks url with a body, and reads the answer.
func post(ctx context.Context, h *httpapi.HTTP, url string) (answer string, err error) {
	call := httpapi.Call{Op: "sample", Method: http.MethodPost, URL: url, Body: []byte("question")}
	err = h.Do(ctx, call, func(body io.Reader) error {
		b, err := io.ReadAll(body)
		answer = string(b)
		return err
	})
	return answer, err
}

func serve(t *testing.T, handler http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(handler)
	t.Cleanup(s.Close)
	return s.URL
}

func TestDoSendsTheRequest(t *testing.T) {
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s %s %s %s", r.Method, b, r.Header.Get("User-Agent"), r.Header.Get("X-Sample"))
	})
	h := httpapi.NewHTTP(clienttest.Section("sample", server))
	var got string
	err := h.Do(t.Context(), httpapi.Call{Op: "sample", Method: http.MethodPut, URL: server, Header: map[string]string{"X-Sample": "x"}, Body: []byte("question")},
		func(body io.Reader) error {
			b, err := io.ReadAll(body)
			got = string(b)
			return err
		})
	if want := "PUT question orderbeat/test x"; err != nil || got != want {
		t.Errorf("got %q and %v, want %q", got, err, want)
	}
}

// RFC 6750 section 3.1 has it in a 403; that it comes in a 401 does not change what it is.
func Test401AboutPermissionsIsForbidden(t *testing.T) {
	for challenge, want := range map[string]clients.Code{
		`Bearer error="insufficient_scope", scope="orders"`: clients.CodeForbidden,
		`Bearer error="invalid_token"`:                      clients.CodeUnauthorized,
	} {
		server := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("WWW-Authenticate", challenge)
			w.WriteHeader(http.StatusUnauthorized)
		})
		_, err := post(t.Context(), httpapi.NewHTTP(clienttest.Section("sample", server)), server)
		if e := clients.AsError(err); e == nil || e.Code != want {
			t.Errorf("%s: got %v want %s", challenge, err, want)
		}
	}
}

func TestMaxBodyLimitsDecompressedBodies(t *testing.T) {
	packed := func(n int) []byte {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		_, _ = z.Write(make([]byte, n))
		_ = z.Close()
		return b.Bytes()
	}
	for name, c := range map[string]struct {
		bytes int
		want  clients.Code
	}{"as much as fits": {clienttest.MaxBody, ""}, "one byte more": {clienttest.MaxBody + 1, clients.CodeBadResponse}} {
		t.Run(name, func(t *testing.T) {
			server := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Encoding", "gzip")
				_, _ = w.Write(packed(c.bytes))
			})
			answer, err := post(t.Context(), httpapi.NewHTTP(clienttest.Section("sample", server)), server)
			if c.want == "" && (err != nil || len(answer) != c.bytes) {
				t.Errorf("got %d bytes and %v, want %d", len(answer), err, c.bytes)
			}
			if c.want != "" && (err == nil || clients.AsError(err).Code != c.want || !strings.Contains(err.Error(), "larger")) {
				t.Errorf("got %v, want %s because of its size", err, c.want)
			}
		})
	}
}

func TestMaxBodyMayBeAnyNumber(t *testing.T) {
	server := serve(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "whole") })
	s := clienttest.Section("sample", server)
	s.MaxBody = math.MaxInt64
	if answer, err := post(t.Context(), httpapi.NewHTTP(s), server); err != nil || answer != "whole" {
		t.Errorf("got %q and %v, want the whole answer", answer, err)
	}
}

func TestDecoderErrorsDescribeTheDocument(t *testing.T) {
	server := serve(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "canary-body") })
	h := httpapi.NewHTTP(clienttest.Section("sample", server))
	call := httpapi.Call{Op: "sample", Method: http.MethodGet, URL: server + "/?key=canary"}
	for name, c := range map[string]struct {
		err  error
		want clients.Error
	}{
		"in its own words": {
			&clients.Error{Code: clients.CodeInvalid, Message: "m", Hint: "h"},
			clients.Error{Provider: "sample", Op: "sample", Code: clients.CodeInvalid, Status: 200, Message: "m", Hint: "h"},
		},
		"as any error": {
			errors.New("unexpected canary-body"),
			clients.Error{Provider: "sample", Op: "sample", Code: clients.CodeBadResponse, Status: 200, Message: "the response is not the expected document"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			err := h.Do(t.Context(), call, func(io.Reader) error { return c.err })
			e := clients.AsError(err)
			if got := *e; got.Code != c.want.Code || got.Status != 200 || got.Message != c.want.Message || got.Hint != c.want.Hint || got.Provider != "sample" {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
			if strings.Contains(err.Error(), "canary") {
				t.Errorf("the error tells what came: %v", err)
			}
			if c.want.Code == clients.CodeBadResponse && !errors.Is(err, c.err) {
				t.Error("the cause is not in the chain")
			}
		})
	}
}

func TestEveryExchangeHasTheSameTime(t *testing.T) {
	for name, handler := range map[string]http.HandlerFunc{
		"no answer": func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"half an answer": func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprint(w, "half")
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		},
	} {
		t.Run(name, func(t *testing.T) {
			server := serve(t, func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				handler(w, r)
			})
			s := clienttest.Section("sample", server)
			s.Timeout = 100 * time.Millisecond
			began := time.Now()
			_, err := post(t.Context(), httpapi.NewHTTP(s), server)
			if e := clients.AsError(err); err == nil || e.Code != clients.CodeUnavailable || !strings.Contains(e.Message, "in time") {
				t.Errorf("got %v, want unavailable for want of time", err)
			}
			if took := time.Since(began); took > 4*time.Second {
				t.Errorf("took %v, want the time limit of 100ms and little more", took)
			}
		})
	}
}

func TestReplaysCountForTheRate(t *testing.T) {
	var calls atomic.Int64
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/token":
			fmt.Fprintf(w, `{"access_token":"t%d","token_type":"Bearer"}`, calls.Load())
		case calls.Add(1) == 1:
			w.WriteHeader(http.StatusUnauthorized)
		}
	})
	s := clienttest.Section("sample", server)
	s.Rate = clients.Rate{Calls: 1, Per: time.Hour} // the second call's turn is beyond any deadline
	source, err := auth.NewSource(auth.Config{
		Dialect: endpoint.Michelin(), Provider: "sample", TokenURL: server + "/token", ClientID: s.ClientID, ClientSecret: s.ClientSecret, Log: s.Log,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer source.Close()
	h := httpapi.NewHTTP(s).Bearer(source, origin(t, server))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	_, err = post(ctx, h, server)
	if e := clients.AsError(err); err == nil || e.Code != clients.CodeUnavailable || calls.Load() != 1 {
		t.Errorf("got %v after %d calls, want unavailable after 1: the replay must wait for its turn", err, calls.Load())
	}
}

func Test429PausesOtherCalls(t *testing.T) {
	var calls atomic.Int64
	server := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		calls.Add(1)
		w.Header().Set("Retry-After", "60")
		w.WriteHeader(http.StatusTooManyRequests)
	})
	h := httpapi.NewHTTP(clienttest.Section("sample", server))
	for _, status := range []int{429, 0} {
		_, err := post(t.Context(), h, server)
		e := clients.AsError(err)
		if err == nil || e.Code != clients.CodeThrottled || e.Status != status || e.After > time.Minute || e.After < 50*time.Second || e.Provider != "sample" {
			t.Errorf("got %+v, want throttled for a minute, with status %d", e, status)
		}
	}
	if calls.Load() != 1 {
		t.Errorf("got %d calls, want 1", calls.Load())
	}
}

func TestConnectionFailuresAreExplained(t *testing.T) {
	s := clienttest.Section("sample", "")
	h := httpapi.NewHTTP(s)
	untrusted := httptest.NewTLSServer(http.NotFoundHandler())
	untrusted.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	defer untrusted.Close()
	plain := serve(t, func(http.ResponseWriter, *http.Request) {})
	for name, c := range map[string]struct{ url, want string }{
		"nobody listens":           {"http://127.0.0.1:1", "connection refused"},
		"an unknown certificate":   {untrusted.URL, "certificate"},
		"a server that is not TLS": {strings.Replace(plain, "http:", "https:", 1), "failed"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := post(t.Context(), h, c.url+"/?key=canary")
			e := clients.AsError(err)
			if err == nil || e.Code != clients.CodeUnavailable || e.Status != 0 || !strings.Contains(e.Message, c.want) {
				t.Errorf("got %+v, want unavailable with %q", e, c.want)
			}
			if strings.Contains(err.Error(), "canary") || strings.Contains(err.Error(), "?") {
				t.Errorf("the error tells the query: %v", err)
			}
		})
	}
}

func TestNoSecretIsLogged(t *testing.T) {
	server := serve(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "canary-body") })
	var logged bytes.Buffer
	s := clienttest.Section("sample", server)
	s.Log = slog.New(slog.NewJSONHandler(&logged, &slog.HandlerOptions{Level: slog.LevelDebug}))
	static, err := auth.NewStatic(auth.Config{Provider: "sample", ClientID: secret.New("u"), ClientSecret: secret.New("canary-password")})
	if err != nil {
		t.Fatal(err)
	}
	h := httpapi.NewHTTP(s).With(func(base http.RoundTripper) http.RoundTripper {
		return &auth.Fixed{Base: base, Origin: origin(t, server), Source: static, Header: map[string]secret.Secret{
			"Authorization": auth.Basic("u", secret.New("canary-password")), "apikey": secret.New("canary-apikey"),
		}}
	})
	if _, err := post(t.Context(), h, server+"/?key=canary"); err != nil {
		t.Fatal(err)
	}
	if text := logged.String(); strings.Contains(text, "canary") || !strings.Contains(text, `"op":"sample"`) {
		t.Errorf("got %s, want one line about the exchange, without canaries", text)
	}
}

func origin(t *testing.T, base string) *url.URL {
	t.Helper()
	u, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	return u
}
