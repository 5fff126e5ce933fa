package relay // an inside test: it decides which messages a pass publishes

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"orderbeat/db"
	"orderbeat/db/dbtest"
	"orderbeat/db/outbox"
	"orderbeat/db/unpublishable"
)

// publishing drives a source as a relay does, with a stream that takes and rejects messages at random.
type publishing struct {
	*testing.T
	db        *db.DB
	source    source
	random    *rand.Rand
	seen      map[string]int // how often each id was published
	revisions map[string]int // the last revision of each order
	memory    int            // passes that were served from memory
}

// pass publishes a page: all of it, a part, or nothing.
func (p *publishing) pass() int {
	p.Helper()
	page, _, err := p.source.next(p.Context(), 1+p.random.IntN(8))
	if err != nil {
		p.Fatal(err)
	}
	if !p.source.until.IsZero() && len(page) > 0 {
		p.memory++
	}
	var done []int64
	var rejected []unpublishable.Rejection
	blocked := map[string]bool{} // orders with an event that was not published in this pass
	fails := p.random.IntN(20) == 0
	for _, m := range page {
		switch n := p.random.IntN(30); {
		case fails && n < 15:
			blocked[m.Subject] = true
		case blocked[m.Subject]: // as when messages are published one by one
		case n == 0 && !fails:
			blocked[m.Subject] = true
		case n == 1:
			blocked[m.Subject] = true
			rejected = append(rejected, unpublishable.Rejection{ID: m.ID, Reason: "test", Until: time.Now().Add(-time.Hour)})
		default:
			p.publish(&m)
			done = append(done, m.ID)
		}
	}
	if err := p.db.Published(p.Context(), outbox.Settled{IDs: done}); err != nil {
		p.Fatal(err)
	}
	if err := p.db.Postpone(p.Context(), rejected); err != nil {
		p.Fatal(err)
	}
	p.source.published(p.Context(), page, done, !fails && len(rejected) == 0)
	return len(page)
}

func (p *publishing) publish(m *outbox.Message) {
	p.Helper()
	p.seen[m.MsgID]++
	revision := 0
	if _, err := fmt.Sscanf(m.MsgID[len(m.Subject)-len("orders."):], ".%d", &revision); err != nil {
		p.Fatalf("%s on %s: %v", m.MsgID, m.Subject, err)
	}
	if last := p.revisions[m.Subject]; revision != last+1 {
		p.Errorf("revision %d of %s was published after %d", revision, m.Subject, last)
	}
	p.revisions[m.Subject] = revision
}

// TestEachMessageIsTakenOnceInOrder commits, publishes and rejects at random.
func TestEachMessageIsTakenOnceInOrder(t *testing.T) {
	seed := rand.Uint64()
	t.Log("seed", seed)
	d := dbtest.Open(t)
	p := &publishing{
		T: t, db: d, source: source{db: d, topic: "orders"}, random: rand.New(rand.NewPCG(seed, 0)), //nolint:gosec // not a secret
		seen: map[string]int{}, revisions: map[string]int{},
	}
	written, at := 0, dbtest.Noon
	for range 250 {
		if p.random.IntN(3) > 0 {
			p.pass()
			continue
		}
		for range 1 + p.random.IntN(3) {
			at = at.Add(time.Minute)
			order := dbtest.Order(fmt.Sprintf("SO%d", p.random.IntN(5)), false)
			order.Lines[0].Ordered.N = int64(5 + written)
			order.Normalize()
			dbtest.Observe(t, d, at, order)
			written++
		}
		if p.random.IntN(40) == 0 {
			p.source.until = p.source.until.Add(-time.Hour) // memory is no longer current
		}
	}
	for range 100 {
		if p.pass() == 0 {
			p.source.until = time.Time{}
			if p.pass() == 0 {
				break
			}
		}
	}
	left, err := d.Backlog(context.WithoutCancel(t.Context()), "orders", 1)
	if err != nil || left > 0 {
		t.Errorf("%d messages were not published, %v", left, err)
	}
	for id, n := range p.seen {
		if n != 1 {
			t.Errorf("%s was published %d times", id, n)
		}
	}
	if len(p.seen) != written {
		t.Errorf("%d of %d messages were published", len(p.seen), written)
	}
	if p.memory < 10 {
		t.Errorf("only %d pages came from memory", p.memory)
	}
}
