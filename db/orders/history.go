package orders

import (
	"context"
	"database/sql"
	"encoding/json"
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
func (t Tx) AddEvent(o *jobs.Outcome, order *Reported, e NewEvent) (err error) {
	m := message(order.Provider, order.Account, order.OrderID, strconv.Itoa(e.Revision))
	order.event, err = t.Insert(addEventSQL,
		m.MsgID, order.Provider, order.Account, order.OrderID, e.Revision, e.Kind, order.Reference,
		string(order.Status), sqlite.OrNull(string(e.Previous)), o.RunID, o.ID, sqlite.Stamp(o.AskedAt), e.Changes, order.Document)
	if err != nil {
		return err
	}
	m.Type, m.Time, m.Traceparent, m.Event, m.RunID = e.Kind, o.AskedAt, e.Traceparent, order.event, o.RunID
	body := ""
	if e.Kind == outbox.TypeOrderCreated || e.Kind == outbox.TypeOrderChanged { // the others have a document, too
		event := outbox.EventBody{
			Provider: order.Provider, Account: order.Account, OrderID: order.OrderID, Reference: order.Reference,
			Revision: e.Revision, Status: order.Status, PreviousStatus: clients.Text(e.Previous),
			Changes: json.RawMessage(e.Changes), Order: json.RawMessage(order.Document),
			ObservedAt: sqlite.Stored(o.AskedAt), RunID: o.RunID, JobID: o.ID,
		}
		if body, err = event.Text(); err != nil {
			return err
		}
	}
	return t.outbox.EnqueueOrder(t.Tx, &m, body)
}

// message returns a message about an order, to be completed. id distinguishes it from other messages about
// the order.
func message(provider, account, orderID, id string) outbox.Entry {
	account, orderID = outbox.Token(account), outbox.Token(orderID)
	key := outbox.Token(provider) + "." + account + "." + orderID
	return outbox.Entry{
		Topic: "orders", Subject: "orders." + key, MsgID: key + "." + id, CESubject: account + "/" + orderID, Provider: provider,
	}
}

const addEventSQL = `
INSERT INTO order_events (event_id, provider, account, order_id, revision, type, reference,
       status, previous_status, run_id, job_id, observed_at, changes, document)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
