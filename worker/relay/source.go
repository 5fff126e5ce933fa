package relay

import (
	"context"
	"slices"
	"time"

	"orderbeat/db"
	"orderbeat/db/outbox"
)

// readAgain is how long messages are taken from memory alone: the database may have some that were put
// into the outbox again.
const readAgain = time.Second

// source supplies the messages of a topic to publish. Those of the topic orders, which are most and the
// largest, it takes from memory ([outbox.Store.Recent]) while it is known that the database has no others
// that come before them.
type source struct {
	db    *db.DB
	topic string

	recent []outbox.Message // committed and not published, while current
	last   int64            // the id of the last message that was taken from the database
	until  time.Time        // recent is current until then; zero if it is not
}

// next returns up to limit messages that can be published now, in order. more says that there may be more.
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

// published is called after a pass over page: done are the ids of published messages, clean says that
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

// catchUp makes memory current if the database has nothing else: neither postponed messages nor any that
// did not fit into a page.
func (s *source) catchUp(ctx context.Context) {
	if all, err := s.db.RecentIsAll(ctx, s.last); err == nil && all {
		s.until = time.Now().Add(readAgain)
	}
}
