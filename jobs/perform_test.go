package jobs_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"orderbeat/clients"
	"orderbeat/clients/exchange"
	"orderbeat/jobs"
)

// provider is a provider whose Orders is the function.
type provider func(ctx context.Context, q clients.Query) (clients.Answer, error)

func (p provider) Orders(ctx context.Context, q clients.Query) (clients.Answer, error) {
	return p(ctx, q)
}

func (p provider) Traits() clients.Traits { return clients.Traits{Volatile: []string{"method"}} }

var retry = clients.Retry{Attempts: 3, For: time.Hour}

func job(attempt int) jobs.Job {
	return jobs.Job{ID: "run-00001", Provider: "michelin", Account: "detroit", Attempt: attempt, FirstAt: time.Now()}
}

func TestPerform(t *testing.T) {
	fail := func(code clients.Code, after time.Duration) provider {
		return func(context.Context, clients.Query) (clients.Answer, error) {
			return clients.Answer{}, &clients.Error{Provider: "michelin", Op: "order status", Code: code, After: after}
		}
	}
	order := clients.Order{OrderID: "SO1"}
	cases := map[string]struct {
		provider provider
		attempt  int
		want     jobs.State
		code     clients.Code
		orders   int
	}{
		"a response": {func(context.Context, clients.Query) (clients.Answer, error) {
			return clients.Answer{Orders: []clients.Order{order}}, nil
		}, 1, jobs.Succeeded, "", 1},
		"a response without orders": {func(context.Context, clients.Query) (clients.Answer, error) {
			return clients.Answer{}, nil
		}, 1, jobs.Succeeded, "", 0},
		"a response with problems": {func(context.Context, clients.Query) (clients.Answer, error) {
			return clients.Answer{Orders: []clients.Order{order}, Partial: []clients.Problem{{OrderID: "SO2", Code: "953", Message: "no"}}}, nil
		}, 1, jobs.Partial, clients.CodeInvalid, 1},
		"unavailable is retried":                  {fail(clients.CodeUnavailable, 0), 1, jobs.Waiting, clients.CodeUnavailable, 0},
		"unavailable at the last attempt is dead": {fail(clients.CodeUnavailable, 0), 3, jobs.Dead, clients.CodeUnavailable, 0},
		"a long Retry-After is respected":         {fail(clients.CodeThrottled, 2*time.Hour), 1, jobs.Waiting, clients.CodeThrottled, 0},
		"forbidden fails":                         {fail(clients.CodeForbidden, 0), 1, jobs.Failed, clients.CodeForbidden, 0},
		"a bad response is retried":               {fail(clients.CodeBadResponse, 0), 1, jobs.Waiting, clients.CodeBadResponse, 0},
		"a second bad response fails":             {fail(clients.CodeBadResponse, 0), 2, jobs.Failed, clients.CodeBadResponse, 0},
		"a panic fails": {func(context.Context, clients.Query) (clients.Answer, error) {
			panic("oops")
		}, 1, jobs.Failed, clients.CodeInternal, 0},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			out, err := jobs.Perform(t.Context(), c.provider, clients.Account{}, job(c.attempt), retry)
			if err != nil {
				t.Fatal(err)
			}
			if out.State != c.want || len(out.Orders) != c.orders {
				t.Errorf("got %s with %d orders, want %s with %d", out.State, len(out.Orders), c.want, c.orders)
			}
			if out.Err != nil && out.Err.Code != c.code || out.Err == nil && c.code != "" {
				t.Errorf("got error %v, want code %q", out.Err, c.code)
			}
			if (out.State == jobs.Waiting) == out.NextAt.IsZero() {
				t.Errorf("got state %s due at %s: want a due time only for a waiting job", out.State, out.NextAt)
			}
			if out.AskedAt.IsZero() || out.FinishedAt.Before(out.AskedAt) || out.Volatile[0] != "method" {
				t.Errorf("got %+v, want times and the provider's volatile fields", out)
			}
		})
	}
}

func TestPerformHintNamesTheRecordedResponse(t *testing.T) {
	for hint, want := range map[string]string{"": "", "raise max_body": "raise max_body; "} {
		out, err := jobs.Perform(t.Context(), provider(func(context.Context, clients.Query) (clients.Answer, error) {
			return clients.Answer{}, &clients.Error{Code: clients.CodeBadResponse, Hint: hint, Exchange: &exchange.Exchange{Status: 200}}
		}), clients.Account{}, job(1), retry)
		if err != nil {
			t.Fatal(err)
		}
		want += "the response is recorded: select * from exchanges where job_id = 'run-00001'"
		if out.Err.Hint != want || out.Err.Exchange == nil {
			t.Errorf("got the hint %q and %v, want %q and the exchange", out.Err.Hint, out.Err.Exchange, want)
		}
	}
}

func TestPerformReportsThePanicStack(t *testing.T) {
	out, err := jobs.Perform(t.Context(), provider(func(context.Context, clients.Query) (clients.Answer, error) {
		panic("oops")
	}), clients.Account{}, job(1), retry)
	if err != nil || !strings.Contains(out.Err.Message, "panic: oops") || !strings.Contains(out.Err.Message, "perform_test.go") {
		t.Errorf("got %v, %v, want the panic and its stack", out.Err, err)
	}
}

func TestPerformNamesTheOrdersWithProblems(t *testing.T) {
	out, err := jobs.Perform(t.Context(), provider(func(context.Context, clients.Query) (clients.Answer, error) {
		return clients.Answer{Partial: []clients.Problem{
			{OrderID: "SO1", Reference: "PO1", Code: "953", Message: "a"},
			{OrderID: "SO2", Message: "b"},
			{Reference: "PO3", Message: "c"},
			{Message: "d"},
		}}, nil
	}), clients.Account{}, job(1), retry)
	if err != nil {
		t.Fatal(err)
	}
	if want := "order SO1 (PO1): a (code 953); order SO2: b; order PO3: c; d"; out.Err.Message != want {
		t.Errorf("got %q, want %q", out.Err.Message, want)
	}
}

func TestPerformTimesAreMillisecondsInUTC(t *testing.T) {
	out, err := jobs.Perform(t.Context(), provider(func(context.Context, clients.Query) (clients.Answer, error) {
		return clients.Answer{}, nil
	}), clients.Account{}, job(1), retry)
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range []time.Time{out.AskedAt, out.FinishedAt} {
		if at != at.UTC().Truncate(time.Millisecond) {
			t.Errorf("got %s, want milliseconds in UTC", at)
		}
	}
}

func TestPerformRejectsOrdersWithLongIDs(t *testing.T) {
	longest, longer := strings.Repeat("1", 128), strings.Repeat("2", 129)
	out, err := jobs.Perform(t.Context(), provider(func(context.Context, clients.Query) (clients.Answer, error) {
		return clients.Answer{Orders: []clients.Order{{OrderID: "SO1"}, {OrderID: longer, Reference: "PO2"}, {OrderID: longest}}}, nil
	}), clients.Account{}, job(1), retry)
	if err != nil {
		t.Fatal(err)
	}
	if out.State != jobs.Partial || len(out.Orders) != 2 || out.Orders[0].OrderID != "SO1" || out.Orders[1].OrderID != longest {
		t.Errorf("got %s with %d orders, want partial with the two orders with valid ids", out.State, len(out.Orders))
	}
	if want := "order " + longer[:120] + "… (PO2): the order id is longer than 128 bytes"; out.Err == nil || out.Err.Message != want {
		t.Errorf("got %v, want %q", out.Err, want)
	}
}

func TestPerformReturnsNoOutcomeWhenCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	_, err := jobs.Perform(ctx, provider(func(ctx context.Context, _ clients.Query) (clients.Answer, error) {
		cancel()
		return clients.Answer{}, &clients.Error{Code: clients.CodeUnavailable, Err: ctx.Err()}
	}), clients.Account{}, job(1), retry)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
}

// Attempts before a manual retry do not count towards the limit or the backoff.
func TestRetriedJobStartsWithFreshAttempts(t *testing.T) {
	down := provider(func(context.Context, clients.Query) (clients.Answer, error) {
		return clients.Answer{}, &clients.Error{Code: clients.CodeUnavailable}
	})
	for attempt, want := range map[int]jobs.State{9: jobs.Waiting, 10: jobs.Waiting, 11: jobs.Dead} {
		j := job(attempt)
		j.Tried = 8
		out, err := jobs.Perform(t.Context(), down, clients.Account{}, j, retry)
		if err != nil || out.State != want {
			t.Errorf("attempt %d after 8: got %s, %v, want %s", attempt, out.State, err, want)
		}
		if wait := out.NextAt.Sub(out.FinishedAt); out.State == jobs.Waiting && wait > 4*time.Second {
			t.Errorf("attempt %d after 8: waits %s, the backoff of attempt %d", attempt, wait, attempt)
		}
	}
}

// An attempt that sent nothing does not count; only the time limit ends the job.
func TestUnsentAttemptDoesNotCount(t *testing.T) {
	throttled := func(after time.Duration) provider {
		return func(context.Context, clients.Query) (clients.Answer, error) {
			return clients.Answer{}, &clients.Error{Code: clients.CodeUnavailable, NotSent: true, After: after}
		}
	}
	j := job(1)
	longest := time.Duration(0)
	for range 100 {
		out, err := jobs.Perform(t.Context(), throttled(10*time.Second), clients.Account{}, j, retry)
		if err != nil || out.State != jobs.Waiting || out.Attempt-out.Tried != j.Attempt-j.Tried-1 {
			t.Fatalf("got %s, %v, attempt %d, %d not counted, want waiting with one more attempt that does not count", out.State, err, out.Attempt, out.Tried)
		}
		if wait := out.NextAt.Sub(out.FinishedAt); wait < 10*time.Second || wait > 20*time.Second {
			t.Errorf("waits %s, want between 10s and 20s", wait)
		} else {
			longest = max(longest, wait)
		}
		j = out.Job
		j.Attempt++
	}
	if longest < 15*time.Second {
		t.Errorf("waits %s at most, want the jobs spread over 10s", longest)
	}
	j.Tried = j.Attempt - retry.Attempts // the last attempt that counts
	if out, err := jobs.Perform(t.Context(), throttled(time.Second), clients.Account{}, j, retry); err != nil || out.State != jobs.Waiting {
		t.Errorf("got %s, %v, want waiting: its last attempt sent nothing", out.State, err)
	}
	if out, err := jobs.Perform(t.Context(), throttled(20*time.Minute), clients.Account{}, j, retry); err != nil || out.State != jobs.Waiting || out.NextAt.Sub(out.FinishedAt) > 21*time.Minute {
		t.Errorf("got %s, %v, due at %s, want waiting with at most one minute of jitter", out.State, err, out.NextAt)
	}
	j.FirstAt = time.Now().Add(-retry.For - time.Second)
	if out, err := jobs.Perform(t.Context(), throttled(time.Second), clients.Account{}, j, retry); err != nil || out.State != jobs.Dead {
		t.Errorf("got %s, %v, want dead: its time is over", out.State, err)
	}
}

// A requested wait is respected even if it ends after the job's time.
func TestRetryAfterBeyondTheJobsTimeIsRespected(t *testing.T) {
	for name, c := range map[string]struct {
		err  clients.Error
		age  time.Duration // of the job
		want jobs.State
	}{
		"a 429":                         {clients.Error{Code: clients.CodeThrottled, After: 6 * time.Hour}, 0, jobs.Waiting},
		"a 503":                         {clients.Error{Code: clients.CodeUnavailable, After: 2 * time.Hour}, time.Minute, jobs.Waiting},
		"a call that was not sent":      {clients.Error{Code: clients.CodeThrottled, NotSent: true, After: 2 * time.Hour}, time.Minute, jobs.Waiting},
		"a 429 without Retry-After":     {clients.Error{Code: clients.CodeThrottled}, time.Hour - time.Second, jobs.Waiting},
		"an outage without Retry-After": {clients.Error{Code: clients.CodeUnavailable}, time.Hour - time.Nanosecond, jobs.Dead},
		"a 429 after the job's time":    {clients.Error{Code: clients.CodeThrottled, After: 6 * time.Hour}, 7 * time.Hour, jobs.Dead},
	} {
		j := job(1)
		j.FirstAt = time.Now().Add(-c.age)
		fails := provider(func(context.Context, clients.Query) (clients.Answer, error) { return clients.Answer{}, &c.err })
		out, err := jobs.Perform(t.Context(), fails, clients.Account{}, j, retry)
		if err != nil || out.State != c.want || out.State == jobs.Waiting && out.NextAt.Sub(out.FinishedAt) < c.err.After {
			t.Errorf("%s: got %s due at %s, %v, want %s", name, out.State, out.NextAt, err, c.want)
		}
	}
}

func TestBackoffGrowsWithEachAttempt(t *testing.T) {
	generous := clients.Retry{Attempts: 100, For: 1000 * time.Hour}
	waits := func(attempt int, after time.Duration) (shortest, longest time.Duration) {
		shortest = 1000 * time.Hour
		down := provider(func(context.Context, clients.Query) (clients.Answer, error) {
			return clients.Answer{}, &clients.Error{Code: clients.CodeUnavailable, After: after}
		})
		for range 2000 {
			out, err := jobs.Perform(t.Context(), down, clients.Account{}, job(attempt), generous)
			if err != nil || out.State != jobs.Waiting {
				t.Fatalf("attempt %d: got %s, %v, want waiting", attempt, out.State, err)
			}
			wait := out.NextAt.Sub(out.FinishedAt)
			shortest, longest = min(shortest, wait), max(longest, wait)
		}
		return shortest, longest
	}
	for attempt, ceiling := range map[int]time.Duration{1: 2 * time.Second, 2: 4 * time.Second, 5: 32 * time.Second, 60: 15 * time.Minute} {
		least, most := waits(attempt, 0)
		if most > ceiling || most < ceiling*9/10 || least > ceiling/10 {
			t.Errorf("attempt %d: waits from %s to %s, want a uniform spread from 0 to %s", attempt, least, most, ceiling)
		}
	}
	if least, most := waits(1, time.Minute); least < time.Minute || most > time.Minute+2*time.Second {
		t.Errorf("waits from %s to %s, want the requested wait plus jitter", least, most)
	}
}

func TestParseDuration(t *testing.T) {
	for text, want := range map[string]time.Duration{"14d": 14 * 24 * time.Hour, "0d": 0, "90m": 90 * time.Minute, "1.5h": 90 * time.Minute} {
		if got, err := jobs.ParseDuration(text); err != nil || got != want {
			t.Errorf("%s: got %s, %v, want %s", text, got, err, want)
		}
	}
	for _, text := range []string{"", "d", "14", "1.5d", "14 d", "999999999999d"} {
		if got, err := jobs.ParseDuration(text); err == nil {
			t.Errorf("%q: got %s, want an error", text, got)
		}
	}
}
