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
	// breakerFailures failed calls in a row, over at least breakerSpan, open a breaker: a broken connection
	// fails all of its calls at once, and is not an outage. Failures of one account of several may be
	// caused by that account: at least breakerOthers of them must be from other accounts.
	breakerFailures = 5
	breakerSpan     = 5 * time.Second
	breakerOthers   = 2
	// breakerRest is how long an open breaker blocks calls. A Retry-After extends it, up to
	// maxBreakerRest: it may concern one call only.
	breakerRest    = 15 * time.Second
	maxBreakerRest = 5 * time.Minute
	// probeWait is the minimum wait of other calls while a probe is in flight.
	probeWait = 5 * time.Second
)

// breaker blocks calls to a provider that does not respond. The outcome of a call is known after its
// body: a provider may report an outage in a 200. It is safe for concurrent use.
type breaker struct {
	log  *slog.Logger
	lone bool // the provider has at most one account
	// renew makes further calls use new connections: the old ones may be the cause.
	renew func()

	mu     sync.Mutex            // guards the following fields
	status clients.BreakerStatus // the last recorded status; Until is set while it is open
	first  time.Time             // when the failures in a row began
	// account is the account of the first failure in a row, others the number of failures of other
	// accounts; calls without an account count as well.
	account string
	others  int
	last    *clients.Error // the last failure in a row
	probing bool           // a probe is in flight
	changes int            // state changes so far
	opened  int            // how often it opened
}

// The outcome of a call for the breaker: nil means that the provider responded, even with a rejection.
var (
	errDown   = errors.New("the provider did not respond")
	errUnsure = errors.New("the call says nothing about the provider")
)

func newBreaker(accounts int, log *slog.Logger) *breaker {
	return &breaker{log: log, lone: accounts < 2, renew: func() {}, status: clients.BreakerStatus{State: clients.BreakerClosed, Since: time.Now().UTC()}}
}

// tooMany reports whether the failures in a row are an outage.
func (b *breaker) tooMany(now time.Time) bool {
	return b.status.Failures >= breakerFailures && now.Sub(b.first) >= breakerSpan && (b.lone || b.others >= breakerOthers)
}

func (b *breaker) setState(to clients.BreakerState) {
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

// now returns the current status: an open breaker is half-open after its rest.
func (b *breaker) now() clients.BreakerStatus {
	b.mu.Lock()
	defer b.mu.Unlock()
	st := b.status
	if st.Until != nil && !time.Now().Before(*st.Until) {
		return clients.BreakerStatus{State: clients.BreakerHalfOpen, Since: *st.Until, Failures: st.Failures}
	}
	return st
}

func (b *breaker) openings() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.opened
}

// openedSince returns an error if the breaker has opened since openings was read, otherwise nil.
func (b *breaker) openedSince(openings int) error {
	if b.openings() == openings {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.refusal(time.Now())
}

// acquire lets a call for an account pass, or returns an error. The caller of a call that passes must call leave
// once.
func (b *breaker) acquire(account string) (leave func(came error, last *clients.Error), refused error) {
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
		b.logChange(before, after)
	}, nil
}

// pass decides whether a call may be sent, and whether it is the probe.
func (b *breaker) pass() (probe bool, change int, refused error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	if b.status.State == clients.BreakerOpen && !now.Before(*b.status.Until) {
		b.setState(clients.BreakerHalfOpen)
	}
	if b.status.State == clients.BreakerOpen || b.probing {
		return false, 0, b.refusal(now)
	}
	b.probing = b.status.State == clients.BreakerHalfOpen
	return b.probing, b.changes, nil
}

// leave records the outcome of a call. It is ignored if the state has changed since the call passed.
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
			b.setState(clients.BreakerClosed)
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
			b.setState(clients.BreakerOpen)
		}
	}
	return before, b.status
}

// logChange logs that the breaker opened or closed; failed probes are logged at debug level.
func (b *breaker) logChange(before, after clients.BreakerStatus) {
	switch {
	case before.State == after.State:
	case after.State == clients.BreakerClosed:
		b.log.Info("breaker closed: provider responds again", "breaker", after.State)
	case before.State == clients.BreakerClosed:
		b.log.Warn("breaker open: provider does not respond", "breaker", after.State, "failures", after.Failures, "until", *after.Until)
	default:
		b.log.Debug("breaker stays open: provider does not respond", "breaker", after.State, "failures", after.Failures, "until", *after.Until)
	}
}

func (b *breaker) refusal(now time.Time) error {
	e := &clients.Error{
		Code: clients.CodeUnavailable, NotSent: true, After: probeWait,
		Message: fmt.Sprintf("the provider has not responded to %d calls in a row (%s); ", b.status.Failures, b.cause()),
		Hint:    "calls resume automatically when the provider responds again",
	}
	if until := b.status.Until; until != nil && now.Before(*until) {
		e.After = until.Sub(now)
		e.Message += "the next try is at " + until.UTC().Format(time.RFC3339)
	} else {
		e.Message += "a probe is in progress"
	}
	return e
}

func (b *breaker) cause() string {
	if b.last.Status != 0 {
		return fmt.Sprintf("%s, status %d", b.last.Message, b.last.Status)
	}
	return b.last.Message
}
