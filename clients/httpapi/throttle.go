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
	// maxPauseWait is the longest wait of a call for the end of a pause.
	maxPauseWait = 30 * time.Second
	// firstPause and maxPause bound a pause whose 429 states no duration.
	firstPause = time.Second
	maxPause   = time.Minute
)

// pause blocks all calls to a provider after a 429 (RFC 6585 section 4) until its Retry-After is
// over. Without one, the pause doubles with each further 429 in a row. The zero pause
// is over; it is safe for concurrent use.
type pause struct {
	mu    sync.Mutex // guards the following fields
	until time.Time
	count int64 // number of pauses so far
	row   int   // 429s in a row
}

// wait waits for the end of a pause. If that takes longer than the caller's deadline or
// [maxPauseWait], it returns an *[clients.Error] with [clients.CodeThrottled] at once.
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
			return &clients.Error{Code: clients.CodeThrottled, NotSent: true, After: left, Message: "rate limited by the provider (429); calls resume after the pause"}
		}
		if err := sleep(ctx, left); err != nil {
			return fmt.Errorf("waiting for the end of a rate limit pause: %w", err)
		}
	}
}

func (p *pause) state() (until time.Time, count int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.until, p.count
}

// noteResponse notes the response to a call that was sent after count pauses had begun. A 429 of a call
// that was in flight when the last pause began does not extend it, unless it states a wait; late
// reports such a call.
func (p *pause) noteResponse(resp *http.Response, count int64) (late bool) {
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

// sleep waits, or returns the error of a context that ends first.
func sleep(ctx context.Context, d time.Duration) error {
	waiting, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	<-waiting.Done()
	return ctx.Err()
}
