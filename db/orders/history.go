package orders

import (
	"context"
	"database/sql"
	"iter"
	"strconv"

	"orderbeat/clients"
	"orderbeat/db/outbox"
	"orderbeat/db/sqlite"
	"orderbeat/jobs"
)

// History returns up to limit events of an order with a revision greater than after, oldest first.
func (s *Store) History(ctx context.Context, provider, account, orderID string, after, limit int) ([]outbox.Event, error) {
	return sqlite.Collect(s.EachEvent(ctx, provider, account, orderID, after, limit))
}

// EachEvent streams the events of [Store.History], like [Store.EachOrder].
func (s *Store) EachEvent(ctx context.Context, provider, account, orderID string, after, limit int) iter.Seq2[outbox.Event, error] {
	args := []any{provider, account, orderID, after, limit}
	return sqlite.EachRow(ctx, s.file.Bulk(), historySQL, args, func(rows *sql.Rows) (e outbox.Event, err error) {
		err = rows.Scan(e.Dest()...)
		return e, err
	})
}

const historySQL = `
SELECT ` + outbox.EventColumns + ` FROM order_events AS e
 WHERE provider = ? AND account = ? AND order_id = ? AND revision > ?
 ORDER BY revision LIMIT ?`

// NewEvent is a new history entry, without the order itself.
type NewEvent struct {
	Kind        string
	Revision    int
	Changes     string // JSON
	Previous    clients.Status
	Traceparent string
}

// AddEvent appends an event to an order's history and puts it into the outbox.
func (t Tx) AddEvent(o *jobs.Outcome, order *Reported, e NewEvent) error {
	key := outbox.Token(order.Provider) + "." + outbox.Token(order.Account) + "." + outbox.Token(order.OrderID)
	id := key + "." + strconv.Itoa(e.Revision)
	row, err := t.Insert(addEventSQL,
		id, order.Provider, order.Account, order.OrderID, e.Revision, e.Kind, order.Reference,
		string(order.Status), sqlite.OrNull(string(e.Previous)), o.RunID, o.ID, sqlite.Stamp(o.AskedAt), e.Changes, order.Document)
	if err != nil {
		return err
	}
	return outbox.Enqueue(t.Tx, &outbox.Entry{
		Topic: "orders", Subject: "orders." + key, MsgID: id, Type: e.Kind,
		CESubject: outbox.Token(order.Account) + "/" + outbox.Token(order.OrderID), Provider: order.Provider,
		Time: o.AskedAt, Traceparent: e.Traceparent, Event: row, RunID: o.RunID,
	})
}

const addEventSQL = `
INSERT INTO order_events (event_id, provider, account, order_id, revision, type, reference,
       status, previous_status, run_id, job_id, observed_at, changes, document)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
