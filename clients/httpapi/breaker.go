package httpapi

import (
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"orderbeat/clients"
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

// breaker keeps calls back from a provider that does not answer. What a call came to is
// judged when all is known of it, its body included: a provider may say in a 200 that
// it cannot answer. It is safe for concurrent use.
type breaker struct {
	log  *slog.Logger
	lone bool // the provider has no more than one account
	// renew has further calls use new connections: the old ones may be what does not answer.
	renew func()

	mu     sync.Mutex            // guards what follows
	status clients.BreakerStatus // as it was left; Until is set while it is open
	first  time.Time             // when the failures in a row began
	// account is whom the first of them was about, others how many were not about it, as
	// far as is known.
	account string
	others  int
	last    *clients.Error // of the failures in a row
	probing bool           // a call tries whether the provider answers
	changes int            // of the state, ever
	opened  int            // how often it opened
}

// What a call's end says about whether its provider is there: nil, that it answered, if only
// to refuse.
var (
	errDown   = errors.New("it did not answer")
	errUnsure = errors.New("it was not asked, or not for long enough")
)

func newBreaker(accounts int, log *slog.Logger) *breaker {
	return &breaker{log: log, lone: accounts < 2, renew: func() {}, status: clients.BreakerStatus{State: clients.BreakerClosed, Since: time.Now().UTC()}}
}

// tooMany reports whether the failures in a row are an outage.
func (b *breaker) tooMany(now time.Time) bool {
	return b.status.Failures >= breakerFailures && now.Sub(b.first) >= breakerSpan && (b.lone || b.others >= breakerOthers)
}

// turn changes the state.
func (b *breaker) turn(to clients.BreakerState) {
	now := time.Now().UTC()
	b.changes++
	b.probing = false
	b.status = clients.BreakerStatus{State: to, Since: now, Failures: b.status.Failures}
	switch to {
	case clients.BreakerOpen:
		until := now.Add(min(max(b.last.After, breakerRest), maxBreakerRest))
		b.status.Until = &until
		b.opened++
	case clients.BreakerClosed:
		b.status.Failures = 0
	case clients.BreakerHalfOpen:
	}
}

// now is where the breaker stands: one whose rest is over waits for a call to try.
func (b *breaker) now() clients.BreakerStatus {
	b.mu.Lock()
	defer b.mu.Unlock()
	st := b.status
	if st.Until != nil && !time.Now().Before(*st.Until) {
		return clients.BreakerStatus{State: clients.BreakerHalfOpen, Since: *st.Until, Failures: st.Failures}
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
func (b *breaker) admit(account string) (leave func(came error, last *clients.Error), refused error) {
	probe, change, refused := b.pass()
	if refused != nil {
		return nil, refused
	}
	if probe {
		b.renew()
	}
	return func(came error, last *clients.Error) {
		before, after := b.leave(account, came, last, change)
		if after.Failures > max(before.Failures, 1) {
			b.renew()
		}
		b.tell(before, after)
	}, nil
}

// pass decides whether a call may be sent, and whether it is the one that tries.
func (b *breaker) pass() (probe bool, change int, refused error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	if b.status.State == clients.BreakerOpen && !now.Before(*b.status.Until) {
		b.turn(clients.BreakerHalfOpen)
	}
	if b.status.State == clients.BreakerOpen || b.probing {
		return false, 0, b.refusal(now)
	}
	b.probing = b.status.State == clients.BreakerHalfOpen
	return b.probing, b.changes, nil
}

// leave notes what became of a call that was let pass before a change of the state. One that
// ends behind it says nothing any more.
func (b *breaker) leave(account string, came error, last *clients.Error, change int) (before, after clients.BreakerStatus) {
	b.mu.Lock()
	defer b.mu.Unlock()
	before = b.status
	if change != b.changes {
		return before, before
	}
	b.probing = false
	switch {
	case came == nil:
		b.status.Failures = 0
		if b.status.State == clients.BreakerHalfOpen {
			b.turn(clients.BreakerClosed)
		}
	case errors.Is(came, errDown):
		if b.status.Failures == 0 {
			b.first, b.account, b.others = time.Now(), account, 0
		}
		if account == "" || account != b.account {
			b.others++
		}
		b.status.Failures++
		b.last = last
		if b.status.State == clients.BreakerHalfOpen || b.tooMany(time.Now()) {
			b.turn(clients.BreakerOpen)
		}
	}
	return before, b.status
}

// tell logs that the breaker opened or closed. That a try failed is told to who looks
// closely.
func (b *breaker) tell(before, after clients.BreakerStatus) {
	switch {
	case before.State == after.State:
	case after.State == clients.BreakerClosed:
		b.log.Info("breaker closed: provider responds again", "breaker", after.State)
	case before.State == clients.BreakerClosed:
		b.log.Warn("breaker open: provider does not respond", "breaker", after.State, "failures", after.Failures, "until", *after.Until)
	default:
		b.log.Debug("the provider still does not answer", "breaker", after.State, "failures", after.Failures, "until", *after.Until)
	}
}

// refusal is the failure of a call that is not let pass.
func (b *breaker) refusal(now time.Time) error {
	e := &clients.Error{
		Code: clients.CodeUnavailable, NotSent: true, After: probeWait,
		Message: fmt.Sprintf("the provider has not answered %d calls in a row (%s); ", b.status.Failures, b.cause()),
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

// cause is what the last of the failures in a row was.
func (b *breaker) cause() string {
	if b.last.Status != 0 {
		return fmt.Sprintf("%s, status %d", b.last.Message, b.last.Status)
	}
	return b.last.Message
}
