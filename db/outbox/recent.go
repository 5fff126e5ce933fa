package outbox

import (
	"context"
	"database/sql"
	"errors"
	"sync"
)

// The limits of the messages that wait in memory for [Store.Recent]. Beyond them all are dropped, and
// read from the database instead.
const (
	maxRecent      = 2048
	maxRecentBytes = 8 << 20
)

// recent has the messages of the topic orders that were committed last, in the order of their ids, so
// that publishing need not read back what was just written. It is safe for concurrent use.
type recent struct {
	mu       sync.Mutex
	messages []Message
	bytes    int
	missed   bool // messages were dropped
}

func (r *recent) add(m Message) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.missed {
		return
	}
	r.messages = append(r.messages, m)
	r.bytes += len(m.Body)
	if len(m.Body) == 0 || len(r.messages) > maxRecent || r.bytes > maxRecentBytes {
		r.messages, r.bytes, r.missed = nil, 0, true
	}
}

// Recent removes and returns the messages of the topic orders that were committed since the last
// call by this process. complete is false if some are missing: read all from the database then
// ([Store.Publishable]), including the returned ones.
func (s *Store) Recent() (messages []Message, complete bool) {
	r := &s.recent
	r.mu.Lock()
	defer r.mu.Unlock()
	messages, complete = r.messages, !r.missed
	r.messages, r.bytes, r.missed = nil, 0, false
	return messages, complete
}

// RecentIsAll reports whether the next call of [Store.Recent] returns all messages of the topic orders
// that are in the outbox, unless more are dropped, and all of them have an id greater than after.
func (s *Store) RecentIsAll(ctx context.Context, after int64) (bool, error) {
	var first int64
	err := s.file.Readers().QueryRowContext(ctx, firstOrderSQL).Scan(&first)
	none := errors.Is(err, sql.ErrNoRows)
	if err != nil && !none {
		return false, err
	}
	r := &s.recent
	r.mu.Lock()
	defer r.mu.Unlock()
	inRecent := len(r.messages) > 0 && first >= r.messages[0].ID
	return !r.missed && (none || inRecent && first > after), nil
}

const firstOrderSQL = `SELECT id FROM outbox WHERE topic = 'orders' ORDER BY id LIMIT 1`
