package follower

import "time"

// Lag describes how far a database is behind the streams.
type Lag struct {
	AsOf     time.Time     // when it last contained the streams up to their ends; zero if it never did
	Behind   time.Duration // time since AsOf, or since the follower was created if AsOf is zero
	Messages uint64        // published messages that are not applied yet, as of a few seconds ago
}

// Lag returns how far the database is behind now.
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

// noteEnd records the end of the stream.
func (t *topic) noteEnd(end uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.last = end
}

// behind returns the number of messages between the sequence that was reached and the end of the stream. It may
// include deleted messages.
func (t *topic) behind() uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.last < t.reached {
		return 0
	}
	return t.last - t.reached
}
