package outbox

import (
	"encoding/json"
	"time"

	"orderbeat/clients"
	"orderbeat/db/sqlite"
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

// EventColumns may be NULL, on the right side of a LEFT JOIN.
const EventColumns = `e.event_id, e.type, e.provider, e.account, e.order_id, e.reference, coalesce(e.revision, 0),
       e.status, e.previous_status, e.changes, e.document,
       CASE e.type WHEN '` + TypeOrderDespatched + `' THEN e.changes -> '$[0].after' END,
       CASE e.type WHEN '` + TypeOrderInvoiced + `' THEN e.changes -> '$[0].after' END,
       e.observed_at, e.run_id, e.job_id`

// Dest returns the scan destinations for eventColumns.
func (e *Event) Dest() []any {
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
