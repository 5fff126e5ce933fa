package relay

import (
	"context"
	"slices"
	"time"

	"orderbeat/db"
	"orderbeat/db/outbox"
)

// readAgain is how long messages are read only from memory. After that, the database is read again, because it
// may have messages that were added to the outbox again.
const readAgain = time.Second

// source reads the messages of a topic to publish. It reads the topic orders, which has the most and the
// largest messages, from memory ([outbox.Store.Recent]) while it is known that the database has no other
// messages that come before them.
type source struct {
	db    *db.DB
	topic string

	recent []outbox.Message // committed but not published; valid while current
	last   int64            // the id of the last message that was read from the database
	until  time.Time        // time until which recent is current; zero if it is not
}

// next returns up to limit messages that can be published now, in order. more reports whether there may be more.
func (s *source) next(ctx context.Context, limit int) (page []outbox.Message, more bool, err error) {
	if s.topic != "orders" {
		return s.db.Publishable(ctx, s.topic, time.Now(), limit)
	}
	current := time.Now().Before(s.until)
	if current && len(s.recent) > 0 {
		return s.recent[:min(limit, len(s.recent))], true, nil
	}
	added, complete := s.db.Recent()
	if current && complete {
		s.recent = slices.DeleteFunc(added, func(m outbox.Message) bool { return m.ID <= s.last })
		return s.recent[:min(limit, len(s.recent))], true, nil
	}
	s.recent, s.last, s.until = nil, 0, time.Time{}
	page, _, err = s.db.Publishable(ctx, s.topic, time.Now(), limit)
	if err == nil && len(page) == 0 {
		s.catchUp(ctx)
	}
	return page, true, err
}

// published must be called after a pass over page. done has the ids of published messages, clean means that
// nothing failed.
func (s *source) published(ctx context.Context, page []outbox.Message, done []int64, clean bool) {
	switch {
	case s.topic != "orders":
	case !clean:
		s.recent, s.until = nil, time.Time{}
	case s.until.IsZero():
		s.last = page[len(page)-1].ID
		s.catchUp(ctx)
	case len(done) == len(page):
		s.recent = s.recent[len(page):]
	default: // the others are published in the next pass
		slices.Sort(done)
		s.recent = slices.DeleteFunc(s.recent, func(m outbox.Message) bool {
			_, found := slices.BinarySearch(done, m.ID)
			return found
		})
	}
}

// catchUp marks recent as current if the database has no other messages: neither postponed ones nor any that
// did not fit into a page.
func (s *source) catchUp(ctx context.Context) {
	if all, err := s.db.RecentIsAll(ctx, s.last); err == nil && all {
		s.until = time.Now().Add(readAgain)
	}
}
