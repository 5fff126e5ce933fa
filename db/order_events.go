package db

import (
	"context"
	"database/sql"
	"encoding/json"
	"iter"
	"strconv"
	"time"

	"orderbeat/clients"
	"orderbeat/db/sqlite"
	"orderbeat/jobs"
)

// Event is one revision of one order: a row of the history.
type Event struct {
	EventID string `json:"event_id"`
	// Type is [TypeOrderCreated] or [TypeOrderChanged] or, if only a document changed,
	// [TypeOrderDespatched] or [TypeOrderInvoiced].
	Type string `json:"type"`
	EventBody
}

// EventBody is the published body of an event.
type EventBody struct {
	Provider       string         `json:"provider"`
	Account        string         `json:"account"`
	OrderID        string         `json:"order_id"`
	Reference      clients.Text   `json:"reference"`
	Revision       int            `json:"revision"`
	Status         clients.Status `json:"status"`
	PreviousStatus clients.Text   `json:"previous_status"` // null for a created event
	// Changes is a list of [clients.Change], Order a [clients.Order]. Both are the stored JSON,
	// so that an event never changes.
	Changes json.RawMessage `json:"changes"`
	Order   json.RawMessage `json:"order"`
	// DespatchAdvice is a [clients.Advice], Invoice a [clients.Invoice], for events of these
	// types: the After of the only change.
	DespatchAdvice json.RawMessage `json:"despatch_advice,omitempty"`
	Invoice        json.RawMessage `json:"invoice,omitempty"`
	ObservedAt     time.Time       `json:"observed_at"`
	RunID          string          `json:"run_id"`
	JobID          string          `json:"job_id"`
}

// History returns up to limit events of an order with a revision greater than after, oldest first.
func (d *DB) History(ctx context.Context, provider, account, orderID string, after, limit int) ([]Event, error) {
	return sqlite.Collect(d.EachEvent(ctx, provider, account, orderID, after, limit))
}

// EachEvent streams the events of [DB.History], like [DB.EachOrder].
func (d *DB) EachEvent(ctx context.Context, provider, account, orderID string, after, limit int) iter.Seq2[Event, error] {
	args := []any{provider, account, orderID, after, limit}
	return sqlite.EachRow(ctx, d.bulk, historySQL, args, func(rows *sql.Rows) (e Event, err error) {
		err = rows.Scan(e.dest()...)
		return e, err
	})
}

const historySQL = `
SELECT ` + eventColumns + ` FROM order_events AS e
 WHERE provider = ? AND account = ? AND order_id = ? AND revision > ?
 ORDER BY revision LIMIT ?`

// eventColumns may be NULL, on the right side of a LEFT JOIN.
const eventColumns = `e.event_id, e.type, e.provider, e.account, e.order_id, e.reference, coalesce(e.revision, 0),
       e.status, e.previous_status, e.changes, e.document,
       CASE e.type WHEN '` + TypeOrderDespatched + `' THEN e.changes -> '$[0].after' END,
       CASE e.type WHEN '` + TypeOrderInvoiced + `' THEN e.changes -> '$[0].after' END,
       e.observed_at, e.run_id, e.job_id`

// dest returns the scan destinations for eventColumns.
func (e *Event) dest() []any {
	return []any{
		sqlite.Text(&e.EventID),
		sqlite.Text(&e.Type),
		sqlite.Text(&e.Provider),
		sqlite.Text(&e.Account),
		sqlite.Text(&e.OrderID),
		&e.Reference, &e.Revision,
		sqlite.Text(&e.Status),
		&e.PreviousStatus, (*sqlite.Raw)(&e.Changes), (*sqlite.Raw)(&e.Order),
		(*sqlite.Raw)(&e.DespatchAdvice), (*sqlite.Raw)(&e.Invoice),
		sqlite.Time(&e.ObservedAt),
		sqlite.Text(&e.RunID),
		sqlite.Text(&e.JobID),
	}
}

// event is a new history entry, without the order itself.
type event struct {
	kind        string
	revision    int
	changes     string // JSON
	previous    clients.Status
	traceparent string
}

// addEvent appends an event to an order's history and puts it into the outbox.
func (t *tx) addEvent(o *jobs.Outcome, order *reportedOrder, e event) error {
	key := Token(order.Provider) + "." + Token(order.Account) + "." + Token(order.OrderID)
	id := key + "." + strconv.Itoa(e.revision)
	row, err := t.Insert(addEventSQL,
		id, order.Provider, order.Account, order.OrderID, e.revision, e.kind, order.Reference,
		string(order.Status), sqlite.OrNull(string(e.previous)), o.RunID, o.ID, stamp(o.AskedAt), e.changes, order.document)
	if err != nil {
		return err
	}
	return t.enqueue(&outboxMessage{
		topic: "orders", subject: "orders." + key, msgID: id, kind: e.kind,
		ceSubject: Token(order.Account) + "/" + Token(order.OrderID), provider: order.Provider,
		time: o.AskedAt, traceparent: e.traceparent, event: row, runID: o.RunID,
	})
}

const addEventSQL = `
INSERT INTO order_events (event_id, provider, account, order_id, revision, type, reference,
       status, previous_status, run_id, job_id, observed_at, changes, document)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
