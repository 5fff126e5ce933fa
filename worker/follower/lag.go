package follower

import (
	"context"
	"time"

	"orderbeat/worker/wait"
)

// Lag is how far a database is behind the streams.
type Lag struct {
	AsOf     time.Time     // when it last contained the streams up to their ends; zero if it never did
	Behind   time.Duration // since then; if it never did, since the follower was created
	Messages uint64        // published and not applied, at most, as of the last seconds
}

// Lag is how far the database is behind now.
func (f *Follower) Lag() Lag {
	l := Lag{AsOf: f.AsOf()}
	since := l.AsOf
	if since.IsZero() {
		since = f.created
	}
	l.Behind = max(0, time.Since(since))
	for _, t := range f.topics {
		l.Messages += t.behind()
	}
	return l
}

// watch looks up the ends of the streams until ctx ends, also while a message is being applied.
func (f *Follower) watch(ctx context.Context) {
	for wait.For(ctx, checkEvery) {
		for _, t := range f.topics {
			if t.lookedWithin(2 * checkEvery) {
				continue
			}
			_, _ = t.end(ctx) // a failure is reported by the reader of the stream
		}
	}
}

// saw records the end of the stream.
func (t *topic) saw(end uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.last, t.lookedAt = end, time.Now()
}

func (t *topic) lookedWithin(d time.Duration) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return time.Since(t.lookedAt) < d
}

// behind is the number of messages between the sequence that was reached and the end of the stream.
// Deleted ones count.
func (t *topic) behind() uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.last < t.reached {
		return 0
	}
	return t.last - t.reached
}
