package httpapi // inside, to answer without a network, so that its time can be a bubble's

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/time/rate"

	"orderbeat/clients"
	"orderbeat/clients/section"
)

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// provider answers calls in turn, and then always 200. A status of 429 has Retry-After
// as written behind it, such as "429 7".
type provider struct {
	mu      sync.Mutex
	answers []string
	began   time.Time
	calls   []time.Duration // when they came
}

func (p *provider) RoundTrip(*http.Request) (*http.Response, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.calls = append(p.calls, time.Since(p.began))
	resp := &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: http.NoBody}
	if len(p.answers) == 0 {
		return resp, nil
	}
	status, after, _ := strings.Cut(p.answers[0], " ")
	p.answers = p.answers[1:]
	if status == "429" {
		resp.StatusCode = http.StatusTooManyRequests
		resp.Header.Set("Retry-After", after)
	}
	return resp, nil
}

func (p *provider) limited() *limited { return limitedTo(p, time.Minute) }

// limitedTo has no rate.
func limitedTo(base http.RoundTripper, timeout time.Duration) *limited {
	l := newLimited(section.Section{Config: section.Config{Timeout: timeout}}, slog.New(slog.DiscardHandler))
	l.base = base
	return l
}

func send(ctx context.Context, t *testing.T, l *limited) error {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://api.example/orders", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := l.RoundTrip(req)
	if err == nil {
		err = resp.Body.Close()
	}
	return err
}

func Test429PausesEveryCall(t *testing.T) {
	for name, c := range map[string]struct {
		answers []string
		want    []time.Duration // when calls came that were sent one after the other
	}{
		"as long as it says":                  {[]string{"429 7"}, []time.Duration{0, 7 * time.Second}},
		"a second if it does not":             {[]string{"429"}, []time.Duration{0, time.Second}},
		"twice as long after the next":        {[]string{"429", "429", "429"}, []time.Duration{0, 1e9, 3e9, 7e9}},
		"a second again after another answer": {[]string{"429", "429", "200", "429"}, []time.Duration{0, 1e9, 3e9, 3e9, 4e9}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := &provider{answers: c.answers, began: time.Now()}
				l := p.limited()
				for range c.want {
					if err := send(t.Context(), t, l); err != nil {
						t.Error(err)
					}
				}
				if diff := cmp.Diff(c.want, p.calls); diff != "" {
					t.Errorf("calls after (-want +got):\n%s", diff)
				}
			})
		})
	}
}

func TestPauseIsLimitedToAMinuteUnlessStated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &provider{answers: strings.Split(strings.Repeat("429,", 100)+"429 3600", ","), began: time.Now()}
		l := p.limited()
		longest := time.Duration(0)
		for range 101 {
			err := send(t.Context(), t, l)
			for err != nil {
				e := clients.AsError(err)
				longest = max(longest, e.After)
				time.Sleep(e.After)
				err = send(t.Context(), t, l)
			}
		}
		if longest != time.Minute {
			t.Errorf("got a pause of %v, want 1m", longest)
		}
		if e := clients.AsError(send(t.Context(), t, l)); e == nil || e.After != time.Hour {
			t.Errorf("got %v, want a wait of 1h", e)
		}
	})
}

func TestLongPauseFailsWithoutACall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &provider{answers: []string{"429 90"}, began: time.Now()}
		l := p.limited()
		_ = send(t.Context(), t, l)
		time.Sleep(59 * time.Second)
		before := time.Now()
		e := clients.AsError(send(t.Context(), t, l))
		if e == nil || e.Code != clients.CodeThrottled || e.After != 31*time.Second || time.Now() != before {
			t.Errorf("got %+v after %v, want throttled with 31s left, at once", e, time.Since(before))
		}
		time.Sleep(time.Second)
		if err := send(t.Context(), t, l); err != nil || time.Since(before) != 31*time.Second {
			t.Errorf("got %v after %v, want an answer when the pause is over", err, time.Since(before))
		}
		if len(p.calls) != 2 {
			t.Errorf("got %d calls, want 2", len(p.calls))
		}
	})
}

func TestCallerCanLeaveDuringAPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &provider{answers: []string{"429 20"}, began: time.Now()}
		l := p.limited()
		_ = send(t.Context(), t, l)
		short, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		if e := clients.AsError(send(short, t, l)); e == nil || e.Code != clients.CodeThrottled || e.After != 20*time.Second {
			t.Errorf("got %+v, want throttled: the caller's time ends first", e)
		}
		leaving, leave := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, leave)
		before := time.Now()
		if err := send(leaving, t, l); !errors.Is(err, context.Canceled) || time.Since(before) != time.Second {
			t.Errorf("got %v after %v, want the caller's own cancellation", err, time.Since(before))
		}
		if len(p.calls) != 1 {
			t.Errorf("got %d calls, want 1", len(p.calls))
		}
	})
}

// Calls that are under way together are answered 429 together, and others of them
// late: that is one pause, and the next one is the second in a row.
func TestConcurrent429sCountOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &provider{answers: strings.Split("429,429,429,429,200,429", ",")}
		l := p.limited()
		left := 0
		l.base = roundTripper(func(req *http.Request) (*http.Response, error) {
			left++
			time.Sleep(time.Duration(left) * time.Millisecond)
			return p.RoundTrip(req)
		})
		var calls sync.WaitGroup
		for range 5 {
			calls.Go(func() { _ = send(t.Context(), t, l) })
			synctest.Wait()
		}
		calls.Wait() // the first 429 came after 1ms
		pauses := func() time.Duration {
			until, _ := l.pause.state()
			return time.Until(until)
		}
		if got, want := pauses(), time.Second-4*time.Millisecond; got != want {
			t.Errorf("got a pause of %v, want %v", got, want)
		}
		_ = send(t.Context(), t, l)
		if got := pauses(); got != 2*time.Second {
			t.Errorf("got a pause of %v, want 2s: the second in a row", got)
		}
	})
}

func TestPauseStopsCallsWaitingForTheRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &provider{answers: []string{"429 20"}, began: time.Now()}
		l := p.limited()
		l.base = roundTripper(func(req *http.Request) (*http.Response, error) {
			time.Sleep(500 * time.Millisecond) // the others wait for their turn meanwhile
			return p.RoundTrip(req)
		})
		l.limiter = &callRate{Limiter: rate.NewLimiter(rate.Every(time.Second), 1)}
		var calls sync.WaitGroup
		for range 3 {
			calls.Go(func() { _ = send(t.Context(), t, l) })
			synctest.Wait()
		}
		calls.Wait()
		if len(p.calls) != 3 || p.calls[1] < 20*time.Second || p.calls[2]-p.calls[1] < time.Second {
			t.Errorf("calls came after %v, want the second and third behind the pause, at the rate", p.calls)
		}
	})
}

func TestPausedCallClosesItsBody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &provider{answers: []string{"429 60"}, began: time.Now()}
		l := p.limited()
		_ = send(t.Context(), t, l)
		body, w := io.Pipe()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://api.example/orders", body)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := l.RoundTrip(req); err == nil {
			t.Error("got an answer, want none")
		}
		if _, err := w.Write([]byte("x")); !errors.Is(err, io.ErrClosedPipe) {
			t.Errorf("got %v, want the body closed", err)
		}
	})
}
