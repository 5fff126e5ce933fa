package db

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"orderbeat/db/sqlite"
)

// HeaderReplay is the header of an event that is told again: the id of the replay.
const HeaderReplay = "Orderbeat-Replay"

// EventFilter chooses events; an empty field chooses all.
type EventFilter struct {
	Provider string
	Account  string
	OrderID  string
	// Since and Until bound when they were observed: from Since on, and before Until.
	Since, Until time.Time
}

// replayChunk is how many events one transaction puts into the outbox.
const replayChunk = 500

// Replay puts events of the history into the outbox again, in the order in which they
// came about, for their own subject or another. Each keeps its id; what makes its
// message once is "<event id>.replay.<id>", where id names this replay. It returns how
// many there are, also when ctx ends before the last of them.
func (d *DB) Replay(ctx context.Context, f EventFilter, id, subject string) (n int, err error) {
	last := int64(0)
	if err := d.readers.QueryRowContext(ctx, lastEventSQL).Scan(&last); err != nil {
		return 0, err
	}
	for after := int64(0); ; {
		list, err := d.replayed(ctx, f, after, last)
		if err != nil || len(list) == 0 {
			return n, err
		}
		err = d.do(ctx, len(list), false, func(t *tx) error {
			for i := range list {
				e := list[i].message(id, subject)
				if err := t.enqueue(&e); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return n, fmt.Errorf("replay %s: %w", id, err)
		}
		n, after = n+len(list), list[len(list)-1].row
	}
}

const lastEventSQL = `SELECT coalesce(max(id), 0) FROM order_events`

// republished is an event that is to be published again.
type republished struct {
	row                                       int64
	eventID, kind, provider, account, orderID string
}

func (e *republished) message(id, subject string) outboxMessage {
	key := Token(e.provider) + "." + Token(e.account) + "." + Token(e.orderID)
	again := outboxMessage{
		topic: "orders", subject: "orders." + key, msgID: e.eventID + ".replay." + id, kind: e.kind,
		ceSubject: Token(e.account) + "/" + Token(e.orderID), provider: e.provider, time: time.Now(),
		headers: map[string]string{HeaderReplay: id}, event: e.row,
	}
	if subject != "" {
		again.topic, again.subject = "reply", subject
	}
	return again
}

// replayed finds the next events behind a row, up to the last.
func (d *DB) replayed(ctx context.Context, f EventFilter, after, last int64) ([]republished, error) {
	query, args := f.query(after, last)
	return sqlite.Fetch(ctx, d.bulk, func(rows *sql.Rows) (e republished, err error) {
		err = rows.Scan(&e.row, &e.eventID, &e.kind, &e.provider, &e.account, &e.orderID)
		return e, err
	}, query, args...)
}

func (f EventFilter) query(after, last int64) (string, []any) {
	var w sqlite.Where
	w.And("id > ?", after)
	w.And("id <= ?", last)
	if f.OrderID != "" {
		w.Add("provider = ?", f.Provider)
		w.Add("account = ?", f.Account)
		w.Add("order_id = ?", f.OrderID)
	} else { // along the rows: by the index SQLite would sort all of an account for every step
		w.Add("+provider = ?", f.Provider)
		w.Add("+account = ?", f.Account)
	}
	if !f.Since.IsZero() {
		w.And("observed_at >= ?", stamp(f.Since))
	}
	if !f.Until.IsZero() {
		w.And("observed_at < ?", stamp(f.Until))
	}
	return `SELECT id, event_id, type, provider, account, order_id FROM order_events` + w.SQL() + " ORDER BY id LIMIT ?", append(w.Args, replayChunk)
}
