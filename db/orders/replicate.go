package orders

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"orderbeat/clients"
	"orderbeat/db/outbox"
	"orderbeat/db/sqlite"
)

// Published is a published order message, to be applied to this database ([Tx.Replicate]).
type Published struct {
	kind, eventID string
	outbox.EventBody
	order    Reported // without an Order if the message has none
	promised clients.Date
	since    time.Time // not_found_since
}

// errNoOrder means that a message has no order.
var errNoOrder = errors.New("the message has no order")

// Decode decodes the body of a published order message.
func Decode(kind, eventID string, body []byte) (Published, error) {
	p := Published{kind: kind, eventID: eventID}
	var rest struct {
		PromisedOn    clients.Date `json:"promised_on"`
		NotFoundSince time.Time    `json:"not_found_since"`
	}
	if err := errors.Join(json.Unmarshal(body, &p.EventBody), json.Unmarshal(body, &rest)); err != nil {
		return p, err
	}
	p.promised, p.since = rest.PromisedOn, rest.NotFoundSince
	switch {
	case p.Provider == "" || p.OrderID == "" || p.Revision < 1:
		return p, errors.New("the message has no order id or no revision")
	case kind == outbox.TypeOrderLate && p.promised == "":
		return p, errors.New("the message has no promised_on")
	case kind == outbox.TypeOrderVanished && p.since.IsZero():
		return p, errors.New("the message has no not_found_since")
	case !p.isRevision():
		return p, nil
	case len(p.Order) == 0:
		return p, errNoOrder
	}
	return p, p.decodeOrder()
}

// IsIncomplete reports whether an error of [Decode] means that the message has no order: it was too large,
// or published without it.
func IsIncomplete(err error) bool { return errors.Is(err, errNoOrder) }

// Complete completes a message without an order, from the same revision of another process.
func (p Published) Complete(e *outbox.Event) (Published, error) {
	p.EventBody = e.EventBody
	return p, p.decodeOrder()
}

func (p *Published) decodeOrder() error {
	p.order = Reported{Order: &clients.Order{}}
	if err := json.Unmarshal(p.Order, p.order.Order); err != nil {
		return fmt.Errorf("order: %w", err)
	}
	if o := p.order.Order; o.Provider != p.Provider || o.Account != p.Account || o.OrderID != p.OrderID {
		return fmt.Errorf("the message is about order %.80q of %s, but contains order %.80q of %.80q", p.OrderID, p.Provider, o.OrderID, o.Provider)
	}
	p.order.encode(nil, nil) // if its fingerprint differs from the reported one, the fields are compared
	p.order.Document = string(p.Order)
	return nil
}

// isRevision reports whether the message is a revision of its order.
func (p *Published) isRevision() bool {
	return p.kind != outbox.TypeOrderLate && p.kind != outbox.TypeOrderVanished
}

// Displaced returns the revisions of this database that a published one replaces: they were never
// published. It returns nil if there are none. The caller rolls them back before [Tx.Replicate].
func (t Tx) Displaced(p *Published) (*Revisions, error) {
	if !p.isRevision() {
		return nil, nil
	}
	own, found, err := t.revision(p)
	if err != nil || !found || own == p.copied() {
		return nil, err
	}
	return &Revisions{p.Provider, p.Account, p.OrderID, p.Revision}, nil
}

// revisionCopy has the fields that are equal in all copies of a revision.
type revisionCopy struct{ kind, run, job, at string }

func (p *Published) copied() revisionCopy {
	return revisionCopy{p.kind, p.RunID, p.JobID, sqlite.Stamp(p.ObservedAt)}
}

// revision returns the revision of this database that has the number of a published one.
func (t Tx) revision(p *Published) (r revisionCopy, found bool, err error) {
	err = t.Row(revisionSQL, []any{p.Provider, p.Account, p.OrderID, p.Revision}, &r.kind, &r.run, &r.job, &r.at)
	if errors.Is(err, sql.ErrNoRows) {
		return r, false, nil
	}
	return r, err == nil, err
}

// Replicate applies a published message: it appends the revision to the history and makes its order the
// current one. It reports false, and changes nothing, if this database has it already.
func (t Tx) Replicate(p *Published) (isNew bool, err error) {
	switch p.kind {
	case outbox.TypeOrderLate:
		n, err := t.Exec(lateNoticeSQL, p.Provider, p.Account, p.OrderID, p.promised, sqlite.Stamp(time.Now()))
		return n > 0, err
	case outbox.TypeOrderVanished:
		n, err := t.Exec(vanishedSQL, sqlite.Stamp(p.since), p.Provider, p.Account, p.OrderID, sqlite.Stamp(p.since))
		return n > 0, err
	}
	var stored int
	if err := t.Row(storedRevisionSQL, []any{p.Provider, p.Account, p.OrderID}, &stored); err != nil || p.Revision <= stored {
		return false, err // even if its history is no longer stored
	}
	if p.order.Order == nil {
		if err := t.keepOrder(p); err != nil || p.order.Order == nil {
			return false, err
		}
	}
	_, err = t.Insert(addEventSQL,
		p.eventID, p.Provider, p.Account, p.OrderID, p.Revision, p.kind, p.Reference,
		string(p.Status), sqlite.OrNull(string(p.PreviousStatus)), p.RunID, p.JobID, sqlite.Stamp(p.ObservedAt), string(p.Changes), p.order.Document)
	if err != nil {
		return false, err
	}
	at := sqlite.Stamp(p.ObservedAt)
	if err := t.storeOrder(&p.order, p.Revision, at, at); err != nil {
		return false, err
	}
	if err := t.deleteDespatches(&p.order); err != nil {
		return false, err
	}
	return true, t.storeDespatches(&p.order)
}

// keepOrder adds the stored order to a message without one, with an empty fingerprint: the changes of the
// revision are detected, and published again, with the provider's next response. An order that is not stored
// stays unknown.
func (t Tx) keepOrder(p *Published) error {
	var text string
	err := t.Row(documentSQL, []any{p.Provider, p.Account, p.OrderID}, &text, new(clients.Date))
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	p.Order = json.RawMessage(text)
	if len(p.Changes) == 0 {
		p.Changes = json.RawMessage("[]")
	}
	if err := p.decodeOrder(); err != nil {
		return err
	}
	p.order.fingerprint = [16]byte{}
	return nil
}

// RollBack removes the latest revisions of an order, with their messages in the outbox, and returns
// their number: the order becomes that of the previous revision, or unknown if there is none.
func (t Tx) RollBack(r Revisions) (removed int, err error) {
	key := []any{r.Provider, r.Account, r.OrderID}
	rows, err := sqlite.FetchIn(t.Tx, sqlite.Column[int64], removeEventsSQL, r.Provider, r.Account, r.OrderID, r.From)
	if err != nil {
		return 0, err
	}
	list, err := sqlite.EncodeJSON(append([]int64{}, rows...))
	if err != nil {
		return 0, err
	}
	if err := t.forgetNotices(list); err != nil {
		return 0, err
	}
	if _, err := t.Exec(dropMessagesSQL, list); err != nil {
		return 0, err
	}
	if _, err := t.Exec(deleteDespatchesSQL, key...); err != nil {
		return 0, err
	}
	var text string
	var at time.Time
	err = t.Row(eventDocumentSQL, []any{r.Provider, r.Account, r.OrderID, r.From - 1}, &text, sqlite.Time(&at))
	before := Reported{Order: &clients.Order{Provider: r.Provider, Account: r.Account, OrderID: r.OrderID}}
	switch {
	case errors.Is(err, sql.ErrNoRows) && r.From <= 1:
		_, err = t.Exec(deleteOrderSQL, key...)
		return len(rows), err
	case errors.Is(err, sql.ErrNoRows): // pruned from the history: the whole order counts as changed when it is reported again
		at = time.Now()
	case err != nil:
		return 0, err
	default:
		if err := json.Unmarshal([]byte(text), before.Order); err != nil {
			return 0, fmt.Errorf("order %s: revision %d: %w", r.OrderID, r.From-1, err)
		}
	}
	before.Normalize() // documents of earlier versions lack derived fields
	before.encode(nil, nil)
	if text != "" {
		before.Document = text
	}
	if err := t.storeOrder(&before, r.From-1, sqlite.Stamp(at), sqlite.Stamp(at)); err != nil {
		return 0, err
	}
	return len(rows), t.storeDespatches(&before)
}

// Revisions are the revisions of an order, starting with From.
type Revisions struct {
	Provider, Account, OrderID string
	From                       int
}

// forgetNotices undoes unpublished notices that orders are late or not found. It is limited to
// the messages of these event rows, a JSON list; nil for all.
func (t Tx) forgetNotices(events any) error {
	if _, err := t.Exec(forgetLateSQL, outbox.TypeOrderLate, events); err != nil {
		return err
	}
	_, err := t.Exec(forgetVanishedSQL, outbox.TypeOrderVanished, events)
	return err
}

// Withdraw undoes the notices whose messages are in the outbox, and returns the revisions whose events
// are in the outbox too, for the caller to roll back.
func (t Tx) Withdraw() ([]Revisions, error) {
	if err := t.forgetNotices(nil); err != nil {
		return nil, err
	}
	return sqlite.FetchIn(t.Tx, func(rows *sql.Rows) (r Revisions, err error) {
		err = rows.Scan(&r.Provider, &r.Account, &r.OrderID, &r.From)
		return r, err
	}, unpublishedSQL, outbox.TypeOrderLate)
}

const (
	revisionSQL = `
SELECT type, run_id, job_id, observed_at FROM order_events WHERE provider = ? AND account = ? AND order_id = ? AND revision = ?`

	storedRevisionSQL = `SELECT coalesce((SELECT revision FROM orders WHERE provider = ? AND account = ? AND order_id = ?), 0)`

	vanishedSQL = `
UPDATE orders SET not_found_since = ?
 WHERE provider = ? AND account = ? AND order_id = ? AND not_found_since IS NULL AND last_seen_at <= ?`

	removeEventsSQL = `
DELETE FROM order_events WHERE provider = ? AND account = ? AND order_id = ? AND revision >= ? RETURNING id`

	dropMessagesSQL = `DELETE FROM outbox WHERE topic = 'orders' AND event IN (SELECT value FROM json_each(?))`

	unpublishedNotices = ` FROM outbox WHERE topic = 'orders' AND type = ?1 AND (?2 IS NULL OR event IN (SELECT value FROM json_each(?2))))`

	forgetLateSQL = `
DELETE FROM late_notices WHERE (provider, account, order_id, promised_on) IN (
       SELECT body ->> '$.provider', body ->> '$.account', body ->> '$.order_id', body ->> '$.promised_on'` + unpublishedNotices

	forgetVanishedSQL = `
UPDATE orders SET not_found_since = NULL WHERE (provider, account, order_id) IN (
       SELECT body ->> '$.provider', body ->> '$.account', body ->> '$.order_id'` + unpublishedNotices

	eventDocumentSQL = `
SELECT document, observed_at FROM order_events WHERE provider = ? AND account = ? AND order_id = ? AND revision = ?`

	deleteOrderSQL = `DELETE FROM orders WHERE provider = ? AND account = ? AND order_id = ?`

	// Replays have headers: their events were published before. A late order may share the row of its event.
	unpublishedSQL = `
SELECT e.provider, e.account, e.order_id, min(e.revision)
  FROM outbox AS o JOIN order_events AS e ON e.id = o.event
 WHERE o.topic = 'orders' AND o.headers IS NULL AND o.type <> ?
 GROUP BY e.provider, e.account, e.order_id`
)
