package outbox

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"orderbeat/db/sqlite"
)

// HeaderReplay is the header of a republished event with the id of the replay.
const HeaderReplay = "Orderbeat-Replay"

// HeaderDocument is the header of a truncated event with the name of its whole body in the object store.
const HeaderDocument = "Orderbeat-Document"

// EventFilter selects events; an empty field matches all.
type EventFilter struct {
	Provider string
	Account  string
	OrderID  string
	// Since (inclusive) and Until (exclusive) limit the time of observation.
	Since, Until time.Time
}

// replayChunk is the number of events per transaction.
const replayChunk = 500

// Replay puts events of the history into the outbox again, in their original order, for their
// original subject or another one. Each event keeps its id; its message id is
// "<event id>.replay.<id>", where id identifies the replay. It returns the number of events, also if
// ctx ends early.
func (s *Store) Replay(ctx context.Context, f EventFilter, id, subject string) (n int, err error) {
	last := int64(0)
	if err := s.file.Readers().QueryRowContext(ctx, lastEventSQL).Scan(&last); err != nil {
		return 0, err
	}
	for after := int64(0); ; {
		list, err := s.replayed(ctx, f, after, last)
		if err != nil || len(list) == 0 {
			return n, err
		}
		err = s.file.Write(ctx, len(list), sqlite.AsOpened, func(t *sqlite.Tx) error {
			for i := range list {
				e := list[i].message(id, subject)
				if err := Enqueue(t, &e); err != nil {
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

// republished is an event to publish again.
type republished struct {
	row                                       int64
	eventID, kind, provider, account, orderID string
}

func (e *republished) message(id, subject string) Entry {
	key := Token(e.provider) + "." + Token(e.account) + "." + Token(e.orderID)
	again := Entry{
		Topic: "orders", Subject: "orders." + key, MsgID: e.eventID + ".replay." + id, Type: e.kind,
		CESubject: Token(e.account) + "/" + Token(e.orderID), Provider: e.provider, Time: time.Now(),
		Headers: map[string]string{HeaderReplay: id}, Event: e.row,
	}
	if subject != "" {
		again.Topic, again.Subject = "reply", subject
	}
	return again
}

// replayed returns the next events after a row, up to row last.
func (s *Store) replayed(ctx context.Context, f EventFilter, after, last int64) ([]republished, error) {
	query, args := f.query(after, last)
	return sqlite.Fetch(ctx, s.file.Bulk(), func(rows *sql.Rows) (e republished, err error) {
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
	} else { // scan by row id: with the index SQLite would sort all events of an account for every chunk
		w.Add("+provider = ?", f.Provider)
		w.Add("+account = ?", f.Account)
	}
	if !f.Since.IsZero() {
		w.And("observed_at >= ?", sqlite.Stamp(f.Since))
	}
	if !f.Until.IsZero() {
		w.And("observed_at < ?", sqlite.Stamp(f.Until))
	}
	return `SELECT id, event_id, type, provider, account, order_id FROM order_events` + w.SQL() + " ORDER BY id LIMIT ?", append(w.Args, replayChunk)
}
