package clients

import (
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/sony/gobreaker/v2"
)

const (
	// breakerFailures calls in a row, over breakerSpan at least, open a breaker: a
	// connection that breaks takes all calls on it along, and is no outage. What is about
	// one account of several may be that account's trouble: breakerOthers of them must be
	// about other ones.
	breakerFailures = 5
	breakerSpan     = 5 * time.Second
	breakerOthers   = 2
	// breakerRest is how long an open breaker lets nothing pass. A Retry-After makes it
	// longer, up to maxBreakerRest: it may have been meant for one call alone.
	breakerRest    = 15 * time.Second
	maxBreakerRest = 5 * time.Minute
	// probeWait is how long others wait at least while one call tries whether the
	// provider answers.
	probeWait = 5 * time.Second
)

// BreakerState is whether calls pass a breaker.
type BreakerState string

// The states of a breaker.
const (
	BreakerClosed   BreakerState = "closed"    // calls pass
	BreakerOpen     BreakerState = "open"      // none does
	BreakerHalfOpen BreakerState = "half_open" // one does, whose end decides
)

// BreakerStates are all that there are.
var BreakerStates = []BreakerState{BreakerClosed, BreakerOpen, BreakerHalfOpen}

// BreakerStatus is where a breaker stands.
type BreakerStatus struct {
	State BreakerState `json:"state"`
	// Since is when it came to stand there.
	Since time.Time `json:"since"`
	// Until is when an open breaker lets the next call pass; nil in the other states.
	Until *time.Time `json:"until,omitempty"`
	// Failures are the calls in a row that the provider has not answered.
	Failures int `json:"failures"`
}

// breaker keeps calls back from a provider that does not answer. What a call came to is
// judged when all is known of it, its body included: a provider may say in a 200 that
// it cannot answer. It is safe for concurrent use.
type breaker struct {
	log  *slog.Logger
	lone bool // the provider has no more than one account

	mu     sync.Mutex // guards what follows, and every use of gate
	gate   *gobreaker.TwoStepCircuitBreaker[struct{}]
	status BreakerStatus // as it was left; Until is set while it is open
	first  time.Time     // when the failures in a row began
	// account is whom the first of them was about, others how many were not about it, as
	// far as is known.
	account string
	others  int
	rest    time.Duration // that the last of them asked for
	changes int           // of the state, ever
	opened  int           // how often it opened
}

// What a call's end says about whether its provider is there, in the breaker's words:
// nil, that it answered, if only to refuse.
var (
	errDown   = errors.New("it did not answer")
	errUnsure = errors.New("it was not asked, or not for long enough")
)

func newBreaker(accounts int, log *slog.Logger) *breaker {
	b := &breaker{log: log, lone: accounts < 2, status: BreakerStatus{State: BreakerClosed, Since: time.Now().UTC()}}
	b.gate = gobreaker.NewTwoStepCircuitBreaker[struct{}](gobreaker.Settings{
		MaxRequests:   1,
		Timeout:       time.Nanosecond, // it is asked no earlier than Until
		ReadyToTrip:   func(gobreaker.Counts) bool { return b.tooMany(time.Now()) },
		IsExcluded:    func(err error) bool { return errors.Is(err, errUnsure) },
		OnStateChange: func(_ string, _, to gobreaker.State) { b.turn(to, time.Now().UTC()) },
	})
	return b
}

// tooMany reports whether the failures in a row are an outage.
func (b *breaker) tooMany(now time.Time) bool {
	return b.status.Failures >= breakerFailures && now.Sub(b.first) >= breakerSpan && (b.lone || b.others >= breakerOthers)
}

// turn notes a new state.
func (b *breaker) turn(to gobreaker.State, now time.Time) {
	b.changes++
	failures := b.status.Failures
	switch to {
	case gobreaker.StateOpen:
		until := now.Add(min(max(b.rest, breakerRest), maxBreakerRest))
		b.status = BreakerStatus{State: BreakerOpen, Since: now, Until: &until, Failures: failures}
		b.opened++
	case gobreaker.StateHalfOpen:
		b.status = BreakerStatus{State: BreakerHalfOpen, Since: now, Failures: failures}
	case gobreaker.StateClosed:
		b.status = BreakerStatus{State: BreakerClosed, Since: now}
	}
}

// now is where the breaker stands: one whose rest is over waits for a call to try.
func (b *breaker) now() BreakerStatus {
	b.mu.Lock()
	defer b.mu.Unlock()
	st := b.status
	if st.Until != nil && !time.Now().Before(*st.Until) {
		return BreakerStatus{State: BreakerHalfOpen, Since: *st.Until, Failures: st.Failures}
	}
	return st
}

// openings is how often it has opened.
func (b *breaker) openings() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.opened
}

// openedSince is the refusal of a call that waited while the breaker opened, nil when it
// did not.
func (b *breaker) openedSince(openings int) error {
	if b.openings() == openings {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.refusal(time.Now())
}

// admit lets a call about an account pass, or returns why it does not. Who was let pass
// calls leave once.
func (b *breaker) admit(account string) (leave func(came error, wait time.Duration), refused error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	if b.status.Until != nil && now.Before(*b.status.Until) {
		return nil, b.refusal(now)
	}
	done, err := b.gate.Allow()
	if err != nil { // another one tries
		return nil, b.refusal(now)
	}
	change := b.changes
	return func(came error, wait time.Duration) {
		b.tell(b.leave(account, came, wait, change, done))
	}, nil
}

// leave notes what became of a call that was let pass before a change of the state, and
// how long it was told to wait. One that ends behind it says nothing any more.
func (b *breaker) leave(account string, came error, wait time.Duration, change int, done func(error)) (before, after BreakerStatus) {
	b.mu.Lock()
	defer b.mu.Unlock()
	before = b.status
	if change != b.changes {
		return before, before
	}
	switch {
	case came == nil:
		b.status.Failures = 0
	case errors.Is(came, errDown):
		if b.status.Failures == 0 {
			b.first, b.account, b.others = time.Now(), account, 0
		}
		if account == "" || account != b.account {
			b.others++
		}
		b.status.Failures++
		b.rest = wait
	}
	done(came)
	return before, b.status
}

// tell logs that the breaker opened or closed. That a try failed is told to who looks
// closely.
func (b *breaker) tell(before, after BreakerStatus) {
	switch {
	case before.State == after.State:
	case after.State == BreakerClosed:
		b.log.Info("the provider answers again", "breaker", after.State)
	case before.State == BreakerClosed:
		b.log.Warn("the provider does not answer, and calls are held back", "breaker", after.State, "failures", after.Failures, "until", *after.Until)
	default:
		b.log.Debug("the provider still does not answer", "breaker", after.State, "failures", after.Failures, "until", *after.Until)
	}
}

// refusal is the failure of a call that is not let pass.
func (b *breaker) refusal(now time.Time) error {
	e := &Error{
		Code: CodeUnavailable, NotSent: true, After: probeWait,
		Message: fmt.Sprintf("the provider has not answered %d calls in a row; ", b.status.Failures),
		Hint:    "calls go on by themselves when it answers again",
	}
	if until := b.status.Until; until != nil && now.Before(*until) {
		e.After = until.Sub(now)
		e.Message += "the next try is at " + until.UTC().Format(time.RFC3339)
	} else {
		e.Message += "one call tries whether it does now"
	}
	return e
}
