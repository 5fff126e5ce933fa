package worker_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"orderbeat/clients"
	"orderbeat/clients/httpapi"
	"orderbeat/clients/section"
	"orderbeat/db/runs"
	"orderbeat/jobs"
	"orderbeat/worker"
)

// remote is a provider behind HTTP, with the real HTTP client, that responds as the test says.
// Its accounts are in the paths.
type remote struct {
	*httpapi.HTTP
	server *httptest.Server

	mu     sync.Mutex // guards the rest
	answer http.HandlerFunc
	asked  []time.Time
}

func newRemote(t *testing.T, answer http.HandlerFunc) *remote {
	t.Helper()
	r := &remote{answer: answer}
	r.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		r.mu.Lock()
		r.asked = append(r.asked, time.Now())
		answer := r.answer
		r.mu.Unlock()
		answer(w, req)
	}))
	t.Cleanup(r.server.Close)
	return r
}

func (r *remote) answers(answer http.HandlerFunc) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answer = answer
}

// calls are the times of its calls.
func (r *remote) calls() []time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]time.Time(nil), r.asked...)
}

func (r *remote) Orders(ctx context.Context, q clients.Query) (clients.Answer, error) {
	call := httpapi.Call{Op: "orders", Account: q.Account.Name, Method: http.MethodGet, URL: r.server.URL + "/" + q.Account.Name}
	err := r.Do(ctx, call, func(body io.Reader) error {
		_, err := io.Copy(io.Discard, body)
		return err
	})
	return clients.Answer{}, err
}

func (r *remote) Traits() clients.Traits {
	return clients.Traits{MaxWindowDays: 90, MaxReferences: 50}
}

// asking makes this the worker's provider.
func (r *remote) asking(attempts int) func(*worker.Config) {
	return func(c *worker.Config) {
		p := &c.Providers[0]
		p.Accounts = []clients.Account{{Name: "detroit"}, {Name: "toledo"}}
		p.Retry = clients.Retry{Attempts: attempts, For: time.Hour}
		p.Rate = clients.Rate{Calls: 100, Per: time.Second}
		p.Provider = r
		r.HTTP = httpapi.NewHTTP(section.Section{Log: c.Log, Config: section.Config{
			Name: p.Name, Concurrency: 4, Rate: p.Rate, Timeout: 10 * time.Second, MaxBody: 1 << 20, Accounts: p.Accounts,
		}})
		c.Web.Listen = "127.0.0.1:0"
	}
}

func status(code int, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(code)
	}
}

// traffic has the call statistics of providers.list.
type traffic struct {
	Rate    string
	RateNow string `json:"rate_now"`
	Breaker clients.BreakerStatus
}

func (b *bench) traffic() traffic {
	b.t.Helper()
	var reply struct{ Providers []traffic }
	b.decode(b.request("providers.list", ``, nil).Data, &reply)
	return reply.Providers[0]
}

// jobsOf are the jobs in a state, "" for all.
func (b *bench) jobsOf(state jobs.State) []runs.JobRow {
	b.t.Helper()
	list, err := b.db.Jobs(b.t.Context(), runs.JobFilter{State: state})
	if err != nil {
		b.t.Fatal(err)
	}
	return list
}

// While a provider is down it is not called, no attempts are used up, and all jobs are performed
// when it is back.
func TestOutageDelaysJobsUntilTheBreakerCloses(t *testing.T) {
	t.Parallel()
	r := newRemote(t, status(http.StatusServiceUnavailable))
	b := start(t, r.asking(8))
	first := b.ask("runs.start", `{"provider":"michelin","kind":"sync"}`).Run.ID
	b.eventually("the breaker opens", func() bool { return b.traffic().Breaker.State == clients.BreakerOpen })
	st := b.traffic().Breaker
	calls := len(r.calls())
	if st.Until == nil || st.Failures < 5 || st.Failures > calls || calls > 16 || st.Since.IsZero() {
		t.Fatalf("got %+v after %d calls, want it open after a few", st, calls)
	}
	resting := func() bool { return time.Now().Before(*st.Until) } // on a slow machine a probe may have been sent
	_, metrics := b.get("/metrics")
	for _, want := range []string{
		`orderbeat_breaker_state{provider="michelin",state="open"} 1`, `orderbeat_breaker_state{provider="michelin",state="closed"} 0`,
		fmt.Sprintf(`orderbeat_breaker_failures{provider="michelin"} %d`, st.Failures), `orderbeat_rate_calls_per_second{provider="michelin"} 100`,
	} {
		if !strings.Contains(metrics, want) && resting() {
			t.Errorf("/metrics does not have %s", want)
		}
	}

	msg := b.request("orders.get", `{"provider":"michelin","account":"detroit","order_id":"SO1","max_age":"0s"}`, nil)
	var live struct {
		Error struct {
			Code, Message string
			RetryAfter    string `json:"retry_after"`
		}
	}
	b.decode(msg.Data, &live)
	after, err := time.ParseDuration(live.Error.RetryAfter)
	if named := strings.Contains(live.Error.Message, "; the next try is at "+st.Until.Format(time.RFC3339)); resting() &&
		(!named || msg.Header.Get("Nats-Service-Error-Code") != "503" || live.Error.Code != "unavailable" || err != nil || after < time.Second || after > 15*time.Second) {
		t.Errorf("got %+v with status %s, want unavailable until the next try", live.Error, msg.Header.Get("Nats-Service-Error-Code"))
	}

	for n := range 10 { // different params: no run coalesces with another
		b.ask("runs.start", fmt.Sprintf(`{"provider":"michelin","kind":"sync","params":{"lookback":"%dd"}}`, n+1))
	}
	b.eventually("the new jobs wait", func() bool { return len(b.jobsOf(jobs.Waiting)) == 22 })
	for _, j := range b.jobsOf(jobs.Waiting) {
		if j.ErrorCode != clients.CodeUnavailable || j.NextAttemptAt == nil {
			t.Errorf("got %+v, want it to wait", j)
		} else if j.RunID != first && resting() && (j.Attempts != j.Tried || j.NextAttemptAt.Before(st.Until.Truncate(time.Millisecond))) {
			t.Errorf("got %+v, want it due at the next probe, without an attempt", j)
		}
	}
	if n := len(r.calls()); n != calls && resting() {
		t.Errorf("got %d calls while the breaker was open, want none", n-calls)
	}

	b.eventually("a probe fails", func() bool { return len(r.calls()) > calls })
	if n := len(r.calls()) - calls; n != 1 {
		t.Errorf("got %d probes, want one", n)
	}
	b.eventually("the breaker is open again", func() bool {
		now := b.traffic().Breaker
		return now.State == clients.BreakerOpen && now.Failures == st.Failures+1 && now.Since.After(st.Since)
	})
	r.answers(status(http.StatusOK))
	b.eventuallyWithin(90*time.Second, "all jobs succeed", func() bool { return len(b.jobsOf(jobs.Succeeded)) == 22 })
	if now := b.traffic().Breaker; now.State != clients.BreakerClosed || now.Failures != 0 {
		t.Errorf("got %+v, want it closed", now)
	}
	for _, j := range b.jobsOf(jobs.Succeeded) {
		if j.Attempts-j.Tried > 8 {
			t.Errorf("got %+v, want no more attempts than there may be", j)
		}
	}
}

// An account whose calls keep failing does not block others.
func TestFailingAccountDoesNotBlockOthers(t *testing.T) {
	t.Parallel()
	r := newRemote(t, nil)
	r.answers(func(w http.ResponseWriter, req *http.Request) {
		if req.URL.Path == "/detroit" {
			w.WriteHeader(http.StatusInternalServerError)
		}
	})
	b := start(t, r.asking(100))
	began := time.Now()
	b.ask("runs.start", `{"provider":"michelin","kind":"sync","accounts":["detroit"]}`)
	for time.Since(began) < 8*time.Second {
		run := b.ask("runs.start", `{"provider":"michelin","kind":"sync","accounts":["toledo"],"wait":true}`).Run
		if run.State != jobs.Succeeded {
			t.Fatalf("got %+v, want the other account synced", run)
		}
		time.Sleep(200 * time.Millisecond)
	}
	if st := b.traffic().Breaker; st.State != clients.BreakerClosed {
		t.Errorf("got %+v, want it closed", st)
	}
	for _, j := range b.jobsOf(jobs.Succeeded) {
		if j.Attempts != 1 {
			t.Errorf("got %+v, want one attempt", j)
		}
	}
}

// Retry-After is honoured in all its forms, and recorded in the job's row.
func TestRetryAfterIsHonoured(t *testing.T) {
	t.Parallel()
	const long = 3 * time.Second
	forms := map[string]struct {
		header func() []string
		want   time.Duration
	}{
		"seconds": {func() []string { return []string{"Retry-After", "3"} }, long},
		"a date": {func() []string {
			now := time.Now().UTC()
			return []string{"Date", now.Format(http.TimeFormat), "Retry-After", now.Add(long).Format(http.TimeFormat)}
		}, long},
		"absent": {func() []string { return nil }, 0},
	}
	for _, code := range []int{http.StatusTooManyRequests, http.StatusServiceUnavailable} {
		for name, form := range forms {
			t.Run(fmt.Sprintf("%d, %s", code, name), func(t *testing.T) {
				t.Parallel()
				r := newRemote(t, nil)
				r.answers(func(w http.ResponseWriter, req *http.Request) {
					r.answers(status(http.StatusOK))
					status(code, form.header()...)(w, req)
				})
				b := start(t, r.asking(8))
				b.ask("runs.start", `{"provider":"michelin","kind":"sync","accounts":["detroit"]}`)
				if form.want > 0 {
					b.eventually("the job waits", func() bool { return len(b.jobsOf(jobs.Waiting)) == 1 })
					j := b.jobsOf(jobs.Waiting)[0]
					want := clients.CodeUnavailable
					if code == http.StatusTooManyRequests {
						want = clients.CodeThrottled
					}
					if j.ErrorCode != want || j.NextAttemptAt == nil || j.NextAttemptAt.Sub(*j.AskedAt) < form.want || j.Attempts != 1 || j.Tried != 0 {
						t.Errorf("got %+v, want %s, and due no earlier than %s after the attempt", j, want, form.want)
					}
				}
				b.result(1)
				calls := r.calls()
				least := form.want
				if code == http.StatusTooManyRequests {
					least = max(least, time.Second) // the pause without Retry-After
				}
				const cut = 5 * time.Millisecond // times in the database are cut to milliseconds
				if j := b.jobsOf(jobs.Succeeded); len(calls) != 2 || len(j) != 1 || j[0].Attempts != 2 || calls[1].Sub(calls[0]) < least-cut {
					t.Errorf("got calls at %v for %+v, want two, %s apart at least", calls, j, least)
				}
			})
		}
	}
}

// A 429 lowers the rate, which providers.list shows.
func Test429LowersTheRate(t *testing.T) {
	t.Parallel()
	r := newRemote(t, nil)
	r.answers(func(w http.ResponseWriter, req *http.Request) {
		r.answers(status(http.StatusOK))
		status(http.StatusTooManyRequests)(w, req)
	})
	b := start(t, r.asking(8))
	if now := b.traffic(); now.Rate != "100/s" || now.RateNow != "100/s" || now.Breaker.State != clients.BreakerClosed {
		t.Errorf("got %+v, want the configured rate", now)
	}
	if run := b.ask("runs.start", `{"provider":"michelin","kind":"sync","accounts":["detroit"],"wait":true}`).Run; run.State != jobs.Succeeded {
		t.Errorf("got %+v, want it retried", run)
	}
	if now := b.traffic(); now.Rate != "100/s" || now.RateNow != "50/s" || now.Breaker.State != clients.BreakerClosed {
		t.Errorf("got %+v, want half the rate", now)
	}
	if _, body := b.get("/metrics"); !strings.Contains(body, `orderbeat_rate_calls_per_second{provider="michelin"} 50.0`) {
		t.Error("/metrics does not have the rate")
	}
}
