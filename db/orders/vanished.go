package orders

import (
	"database/sql"
	"encoding/json"
	"slices"
	"time"

	"orderbeat/clients"
	"orderbeat/db/outbox"
	"orderbeat/db/sqlite"
	"orderbeat/jobs"
)

// Notice has the common fields of published order messages that are not revisions.
type Notice struct {
	// Provider is the name of the provider's section in the configuration.
	Provider string `json:"provider"`
	// Account is the name of the account at the provider.
	Account string `json:"account"`
	// OrderID is the provider's order number.
	OrderID string `json:"order_id"`
	// Reference is the customer's order number (PO).
	Reference clients.Text `json:"reference"`
	// Revision is the order's current revision. This message is not a revision.
	Revision int `json:"revision"`
	// Status is the order's status.
	Status clients.Status `json:"status"`
}

// VanishedBody is the published body for an open order that the provider no longer returns.
type VanishedBody struct {
	Notice
	// LastSeenAt is when the provider last returned the order.
	LastSeenAt time.Time `json:"last_seen_at"`
	// NotFoundSince is when a request by number first did not return it.
	NotFoundSince time.Time `json:"not_found_since"`
	// Order is the whole order as of its revision.
	Order json.RawMessage `json:"order"` // a [clients.Order]
	// RunID is the id of the run.
	RunID string `json:"run_id"`
	// JobID is the id of the job.
	JobID string `json:"job_id"`
}

// NoteNotFound sets not_found_since of orders that were requested by number and are missing in a
// complete response. For open ones it puts a vanished message into the outbox, only once until they are
// seen again.
func (t Tx) NoteNotFound(o *jobs.Outcome, list []Reported, traceparent string) error {
	if o.State != jobs.Succeeded || len(o.OrderIDs) == 0 || o.Remaps != "" {
		return nil
	}
	missing := slices.DeleteFunc(slices.Clone(o.OrderIDs), func(id string) bool {
		return slices.ContainsFunc(list, func(seen Reported) bool { return seen.OrderID == id })
	})
	if len(missing) == 0 {
		return nil
	}
	keys, err := sqlite.EncodeJSON(missing)
	if err != nil {
		return err
	}
	var vanished []VanishedBody
	err = t.Each(notFoundSQL, []any{sqlite.Stamp(o.AskedAt), o.Provider, o.Account, keys, sqlite.Stamp(o.AskedAt)}, func(rows *sql.Rows) error {
		v := VanishedBody{Notice: Notice{Provider: o.Provider, Account: o.Account}, NotFoundSince: o.AskedAt, RunID: o.RunID, JobID: o.ID}
		err := rows.Scan(&v.OrderID, &v.Reference, &v.Revision, &v.Status, sqlite.Time(&v.LastSeenAt), (*sqlite.Raw)(&v.Order))
		if !v.Status.Ended() {
			vanished = append(vanished, v)
		}
		return err
	})
	if err != nil {
		return err
	}
	for _, v := range vanished {
		m := message(v.Provider, v.Account, v.OrderID, "vanished."+sqlite.Stamp(o.AskedAt))
		m.Type, m.Time, m.Traceparent, m.RunID = outbox.TypeOrderVanished, o.AskedAt, traceparent, o.RunID
		if m.Body, err = sqlite.EncodeJSON(v); err != nil {
			return err
		}
		if err := t.outbox.EnqueueOrder(t.Tx, &m, m.Body); err != nil {
			return err
		}
	}
	return nil
}

const notFoundSQL = `
UPDATE orders SET not_found_since = ?
 WHERE provider = ? AND account = ? AND order_id IN (SELECT value FROM json_each(?))
   AND not_found_since IS NULL AND last_seen_at <= ?
RETURNING order_id, reference, revision, status, last_seen_at, document`
