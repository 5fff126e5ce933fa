package httpapi

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"orderbeat/auth/endpoint"
	"orderbeat/clients"
)

const (
	// maxPauseWait is the longest that a call waits for the end of a pause.
	maxPauseWait = 30 * time.Second
	// firstPause and maxPause bound a pause whose 429 does not say how long it is.
	firstPause = time.Second
	maxPause   = time.Minute
)

// pause keeps back all calls to a provider that has answered 429 (RFC 6585 section
// 4), until the time of its Retry-After is over. Without one, the pause doubles from
// 429 to 429 until there is another answer. The zero pause is over; it is safe for
// concurrent use.
type pause struct {
	mu    sync.Mutex // guards what follows
	until time.Time
	count int64 // pauses that ever began
	row   int   // 429s without another answer between them
}

// wait returns when no pause is on. A pause that lasts longer than the caller may, or
// longer than [maxPauseWait], is an *[clients.Error] at once, with [clients.CodeThrottled].
func (p *pause) wait(ctx context.Context) error {
	patience := time.Now().Add(maxPauseWait)
	if deadline, ok := ctx.Deadline(); ok && deadline.Before(patience) {
		patience = deadline
	}
	for {
		until, _ := p.state()
		left := time.Until(until)
		switch {
		case left <= 0:
			return nil
		case until.After(patience):
			return &clients.Error{Code: clients.CodeThrottled, NotSent: true, After: left, Message: "the provider has had too many calls, and none is sent before it takes more"}
		}
		if err := sleep(ctx, left); err != nil {
			return fmt.Errorf("waiting for the provider to take calls: %w", err)
		}
	}
}

func (p *pause) state() (until time.Time, count int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.until, p.count
}

// answered notes the answer to a call that was sent after count pauses had begun. An
// answer that was on its way already when the last one began says nothing about what
// follows on it, but for a wait that it asks for itself: late tells so.
func (p *pause) answered(resp *http.Response, count int64) (late bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	late = count != p.count
	if resp.StatusCode != http.StatusTooManyRequests {
		if !late {
			p.row = 0
		}
		return late
	}
	length := endpoint.Wait(resp.StatusCode, resp.Header, clients.MaxRetryAfter)
	if !late {
		p.count++
		p.row++
		if length == 0 {
			length = min(firstPause<<min(p.row-1, 16), maxPause)
		}
	}
	if until := time.Now().Add(length); until.After(p.until) {
		p.until = until
	}
	return late
}

// sleep waits, or returns ctx's error when it ends first.
func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
