package httpapi // inside, to answer without a network, so that its time can be a bubble's

import (
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/time/rate"

	"orderbeat/clients"
	"orderbeat/clients/section"
)

func Test429HalvesTheRateAndSuccessRaisesIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &provider{answers: strings.Split("200,429 1,200,429 1,429 1,429 1,429 1,429 1,429 1", ","), began: time.Now()}
		l := p.limited()
		l.rate = clients.Rate{Calls: 16, Per: time.Second}
		l.limiter = newCallRate(l.rate)
		rates := func() string { return (&HTTP{base: l}).Stats().Rate }
		var got []string
		for range 9 {
			_ = send(t.Context(), t, l)
			got = append(got, rates())
		}
		if want := strings.Fields("16/s 8/s 8/s 4/s 2/s 1/s 1/s 1/s 1/s"); !slices.Equal(got, want) {
			t.Errorf("got the rates %v, want %v", got, want)
		}
		p.calls = nil
		before := time.Now()
		for n := 0; l.limiter.Limit() < 16; n++ {
			_ = send(t.Context(), t, l)
			if n > 10_000 {
				t.Fatal("it does not end")
			}
		}
		if n := len(p.calls); n < 800 || n > 1000 {
			t.Errorf("got the whole rate back after %d calls, want 15/s after 900: one a minute with each", n)
		}
		if d := time.Since(before); d < 2*time.Minute || d > 4*time.Minute {
			t.Errorf("got it back after %s, want a few minutes", d)
		}
	})
}

func TestAnyRateRecoversEquallyFast(t *testing.T) {
	for _, r := range []clients.Rate{{Calls: 10, Per: time.Second}, {Calls: 600, Per: time.Minute}, {Calls: 120, Per: time.Hour}} {
		synctest.Test(t, func(t *testing.T) {
			p := &provider{answers: []string{"429 1"}, began: time.Now()}
			l := p.limited()
			l.rate, l.limiter = r, newCallRate(r)
			usual := l.limiter.Limit()
			_ = send(t.Context(), t, l)
			before := time.Now()
			for l.limiter.Limit() < usual {
				_ = send(t.Context(), t, l)
			}
			if d := time.Since(before); d > 2*time.Minute {
				t.Errorf("%s: got it back after %s of calls, want about a minute", r, d)
			}
		})
	}
}

// A 429 that was on its way with another, or asked for before the pause, is no news.
func TestSingle429SlowsDownOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &provider{answers: strings.Split("429,429,429,429,200", ","), began: time.Now()}
		l := p.limited()
		l.rate, l.limiter = clients.Rate{Calls: 100, Per: time.Second}, &callRate{Limiter: rate.NewLimiter(100, 5)}
		l.base = roundTripper(func(req *http.Request) (*http.Response, error) {
			time.Sleep(100 * time.Millisecond)
			return p.RoundTrip(req)
		})
		var calls sync.WaitGroup
		for range 5 {
			calls.Go(func() { _ = send(t.Context(), t, l) })
		}
		calls.Wait()
		if got := l.limiter.Limit(); got != 50 {
			t.Errorf("got a rate of %v, want 50", got)
		}
	})
}

// quota is a provider that takes so many calls within each second.
type quota struct {
	mu      sync.Mutex // guards the rest
	most    int
	window  time.Time
	taken   int
	answers []int // statuses, in order
}

func (q *quota) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if now := time.Now(); now.Sub(q.window) >= time.Second {
		q.window, q.taken = now, 0
	}
	status := http.StatusOK
	if q.taken++; q.taken > q.most {
		status = http.StatusTooManyRequests
		w.Header().Set("Retry-After", "1")
	}
	q.answers = append(q.answers, status)
	w.WriteHeader(status)
}

// A provider that takes a tenth of the rate that is configured is found out in a few
// 429s. At the old rate there would be one behind every tenth call.
func TestRateConvergesToTheProvidersLimit(t *testing.T) {
	t.Parallel()
	q := &quota{most: 10}
	server := httptest.NewServer(q)
	defer server.Close()
	h := NewHTTP(section.Section{Config: section.Config{Name: "sample", Rate: clients.Rate{Calls: 100, Per: time.Second}, Timeout: 10 * time.Second, MaxBody: 1 << 20}})
	for answered := 0; answered < 75; {
		err := h.Do(t.Context(), Call{Op: "sample", Method: http.MethodGet, URL: server.URL}, func(io.Reader) error { return nil })
		if err == nil {
			answered++
		} else if clients.AsError(err).Code != clients.CodeThrottled {
			t.Fatal(err)
		}
	}
	refused := 0
	for _, status := range q.answers {
		if status == http.StatusTooManyRequests {
			refused++
		}
	}
	if refused < 1 || refused > 6 {
		t.Errorf("got %d of %d calls refused, want a few until the rate was found", refused, len(q.answers))
	}
	if last := q.answers[len(q.answers)-30:]; slices.Contains(last, http.StatusTooManyRequests) {
		t.Errorf("got %v at the end, want no 429 any more", last)
	}
	if now := h.Stats(); now.PerSecond >= 50 {
		t.Errorf("got %+v, want a rate that it takes", now)
	}
}

// A backfill of a provider whose quota counts the calls that it refuses. Its time is hardly
// more than the quota's; with the pauses alone it takes three times as long.
func TestBackfillFindsItsQuota(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const (
			jobs     = 500
			each     = 500 * time.Millisecond // the quota: 2 calls a second
			burst    = 5
			attempts = 8
		)
		var mu sync.Mutex // guards next and refused
		next, refused := time.Now(), 0
		l := limitedTo(roundTripper(func(*http.Request) (*http.Response, error) {
			time.Sleep(200 * time.Millisecond)
			mu.Lock()
			defer mu.Unlock()
			resp := &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: http.NoBody}
			if left := time.Until(next); left > 0 {
				refused++
				resp.StatusCode = http.StatusTooManyRequests
				resp.Header.Set("Retry-After", strconv.Itoa(int(left.Seconds())+1))
			} else if left < -burst*each {
				next = time.Now().Add(-burst * each)
			}
			next = next.Add(each)
			return resp, nil
		}), time.Minute)
		l.rate = clients.Rate{Calls: 10, Per: time.Second}
		l.limiter = newCallRate(l.rate)
		began, slots := time.Now(), make(chan struct{}, 4)
		var all sync.WaitGroup
		var dead atomic.Int64
		for range jobs {
			all.Go(func() {
				for attempt := range attempts {
					slots <- struct{}{}
					status := statusOf(t, l)
					<-slots
					if status == http.StatusOK {
						return
					}
					time.Sleep(time.Second << attempt)
				}
				dead.Add(1)
			})
		}
		all.Wait()
		if took := time.Since(began); took > jobs*each*3/2 || refused > 30 || dead.Load() > 0 {
			t.Errorf("got %s, %d refused calls and %d jobs without an answer, want little more than %s, a few, and none", took, refused, dead.Load(), jobs*each)
		}
	})
}

// statusOf sends a call; its status is 0 where it was not sent.
func statusOf(t *testing.T, l *limited) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://api.example/orders", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := l.RoundTrip(req)
	if err != nil {
		return 0
	}
	_ = resp.Body.Close()
	return resp.StatusCode
}
