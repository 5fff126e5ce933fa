package outbox

import (
	"encoding/json"
	"strings"
	"time"

	"orderbeat/clients"
	"orderbeat/db/sqlite"
)

// Event is one revision of one order: a row of the history.
type Event struct {
	// EventID is the ce-id of the event.
	EventID string `json:"event_id"`
	// Type is the CloudEvents type of the event.
	Type string `json:"type"`
	EventBody
}

// EventBody is the published body of an event.
type EventBody struct {
	// Provider is the name of the provider's section in the configuration.
	Provider string `json:"provider"`
	// Account is the name of the account at the provider.
	Account string `json:"account"`
	// OrderID is the provider's order number.
	OrderID string `json:"order_id"`
	// Reference is the customer's order number (PO).
	Reference clients.Text `json:"reference"`
	// Revision counts the events of the order, from 1. Revisions of one order have no gaps.
	Revision int `json:"revision"`
	// Status is the order's status as of this revision.
	Status clients.Status `json:"status"`
	// PreviousStatus is the status as of the previous revision; null if this is the first.
	PreviousStatus clients.Text `json:"previous_status"`
	// Changes are the differences to the previous revision; empty for the first.
	Changes json.RawMessage `json:"changes"` // a list of [clients.Change], as it is stored
	// Order is the whole order as of this revision.
	Order json.RawMessage `json:"order"` // a [clients.Order], as it is stored
	// DespatchAdvice is the new or changed despatch advice: the value "after" of the only change.
	DespatchAdvice json.RawMessage `json:"despatch_advice,omitempty"` // a [clients.Advice]
	// Invoice is the new or changed invoice: the value "after" of the only change.
	Invoice json.RawMessage `json:"invoice,omitempty"` // a [clients.Invoice]
	// ObservedAt is when the request was sent to the provider: the order is as of this time.
	ObservedAt time.Time `json:"observed_at"`
	// RunID is the id of the run.
	RunID string `json:"run_id"`
	// JobID is the id of the job.
	JobID string `json:"job_id"`
}

// Text returns the body as JSON, like encoding/json, but without checking and copying the
// members that are stored as JSON.
func (e *EventBody) Text() (string, error) {
	before, err := sqlite.EncodeJSON(struct {
		Provider       string         `json:"provider"`
		Account        string         `json:"account"`
		OrderID        string         `json:"order_id"`
		Reference      clients.Text   `json:"reference"`
		Revision       int            `json:"revision"`
		Status         clients.Status `json:"status"`
		PreviousStatus clients.Text   `json:"previous_status"`
	}{e.Provider, e.Account, e.OrderID, e.Reference, e.Revision, e.Status, e.PreviousStatus})
	if err != nil {
		return "", err
	}
	after, err := sqlite.EncodeJSON(struct {
		ObservedAt time.Time `json:"observed_at"`
		RunID      string    `json:"run_id"`
		JobID      string    `json:"job_id"`
	}{e.ObservedAt, e.RunID, e.JobID})
	if err != nil {
		return "", err
	}
	var b strings.Builder
	b.Grow(len(before) + len(e.Changes) + len(e.Order) + len(e.DespatchAdvice) + len(e.Invoice) + len(after) + 64)
	b.WriteString(strings.TrimSuffix(before, "}"))
	member(&b, "changes", e.Changes)
	member(&b, "order", e.Order)
	if e.DespatchAdvice != nil {
		member(&b, "despatch_advice", e.DespatchAdvice)
	}
	if e.Invoice != nil {
		member(&b, "invoice", e.Invoice)
	}
	b.WriteByte(',')
	b.WriteString(strings.TrimPrefix(after, "{"))
	return b.String(), nil
}

// WithOrder adds the order as the last member to a body.
func WithOrder(body, order string) string {
	var b strings.Builder
	b.Grow(len(body) + len(order) + 16)
	b.WriteString(strings.TrimSuffix(body, "}"))
	member(&b, "order", []byte(order))
	b.WriteByte('}')
	return b.String()
}

func member(b *strings.Builder, name string, value []byte) {
	b.WriteString(`,"` + name + `":`)
	b.Write(value)
}

// EventColumns may be NULL, on the right side of a LEFT JOIN.
const EventColumns = `e.event_id, e.type, e.provider, e.account, e.order_id, e.reference, coalesce(e.revision, 0),
       e.status, e.previous_status, e.changes, e.document,
       CASE e.type WHEN '` + TypeOrderDespatched + `' THEN e.changes -> '$[0].after' END,
       CASE e.type WHEN '` + TypeOrderInvoiced + `' THEN e.changes -> '$[0].after' END,
       e.observed_at, e.run_id, e.job_id`

// Dest returns the scan destinations for [EventColumns].
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
