package stricttest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"sync"
	"testing"
	"time"
)

// proxy stands before a server's token endpoint. It writes down the refreshes that come
// by, and treats each with the fault that was put up for it.
type proxy struct {
	url     string
	reverse *httputil.ReverseProxy

	mu     sync.Mutex // guards what follows
	faults []fault
	seen   []refresh
}

// refresh is what the proxy saw of one.
type refresh struct {
	at     time.Time
	status int           // the server's, 0 when it was not asked
	told   time.Duration // for how long the new token lives, 0 when there is none
}

func (r refresh) granted() bool { return r.status == http.StatusOK }

func newProxy(t *testing.T, s server) *proxy {
	t.Helper()
	to, err := url.Parse(s.url)
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{reverse: &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(to) }}}
	front := httptest.NewServer(p)
	t.Cleanup(func() {
		front.CloseClientConnections() // Close waits for those that hang
		front.Close()
	})
	p.url = front.URL
	return p
}

// next puts up the faults of the next refreshes.
func (p *proxy) next(faults ...fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults = append(p.faults, faults...)
}

// refreshes returns those that were seen.
func (p *proxy) refreshes() []refresh {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.seen)
}

// wait waits until so many refreshes were handed to the server and answered.
func (p *proxy) wait(t *testing.T, n int) {
	t.Helper()
	for began := time.Now(); time.Since(began) < 30*time.Second; time.Sleep(20 * time.Millisecond) {
		if seen := p.refreshes(); len(seen) >= n && seen[n-1].status != 0 {
			return
		}
	}
	t.Fatalf("refresh %d does not come", n)
}

func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler) // the client is gone
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	if form, err := url.ParseQuery(string(body)); err != nil || form.Get("grant_type") != "refresh_token" {
		p.reverse.ServeHTTP(w, r)
		return
	}
	n, act := p.meet()
	act(w, r, func() answer { //nolint:contextcheck // the server goes on when the client leaves
		a := httptest.NewRecorder()
		p.reverse.ServeHTTP(a, r.WithContext(context.WithoutCancel(r.Context())))
		p.note(n, a)
		return answer{a}
	})
}

// meet writes a refresh down and tells how to treat it.
func (p *proxy) meet() (n int, act fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.seen = append(p.seen, refresh{at: time.Now()})
	act = pass
	if len(p.faults) > 0 {
		act, p.faults = p.faults[0], p.faults[1:]
	}
	return len(p.seen) - 1, act
}

func (p *proxy) note(n int, a *httptest.ResponseRecorder) {
	var told struct {
		Life float64 `json:"expires_in"`
	}
	_ = json.Unmarshal(a.Body.Bytes(), &told) // a refusal tells nothing
	p.mu.Lock()
	defer p.mu.Unlock()
	p.seen[n].status, p.seen[n].told = a.Code, time.Duration(told.Life*float64(time.Second))
}

// answer is the server's.
type answer struct{ *httptest.ResponseRecorder }

func (a answer) give(w http.ResponseWriter) {
	maps.Copy(w.Header(), a.Header())
	w.WriteHeader(a.Code)
	_, _ = w.Write(a.Body.Bytes()) // the client may be gone
}

// fault is what becomes of a refresh, which ask hands to the server.
type fault func(w http.ResponseWriter, r *http.Request, ask func() answer)

func pass(w http.ResponseWriter, _ *http.Request, ask func() answer) { ask().give(w) }

// lose loses the answer after the server has handled the request.
func lose(_ http.ResponseWriter, _ *http.Request, ask func() answer) {
	ask()
	panic(http.ErrAbortHandler)
}

// cut ends the connection before the request reaches the server.
func cut(http.ResponseWriter, *http.Request, func() answer) { panic(http.ErrAbortHandler) }

// hang never answers, and never asks the server.
func hang(_ http.ResponseWriter, r *http.Request, _ func() answer) {
	<-r.Context().Done()
	panic(http.ErrAbortHandler)
}

// refuse answers with a status, and with Retry-After if it is not "", without asking
// the server.
func refuse(status int, retryAfter string) fault {
	return func(w http.ResponseWriter, _ *http.Request, _ func() answer) {
		if retryAfter != "" {
			w.Header().Set("Retry-After", retryAfter)
		}
		w.WriteHeader(status)
	}
}

// delay gives the server's answer when this time is over.
func delay(d time.Duration) fault {
	return func(w http.ResponseWriter, _ *http.Request, ask func() answer) {
		a := ask()
		time.Sleep(d)
		a.give(w)
	}
}

// after does something when the server has answered, and gives the answer then.
func after(do func()) fault {
	return func(w http.ResponseWriter, _ *http.Request, ask func() answer) {
		a := ask()
		do()
		a.give(w)
	}
}
