package documents

import (
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"orderbeat/db/orders"
	"orderbeat/db/outbox"
	"orderbeat/db/sqlite"
	"orderbeat/jobs"
)

// Published is the despatch advice or invoice of a published event, to be applied to this database
// ([Tx.Replicate]).
type Published struct {
	Document
	provider, account, orderID string
	revision                   int
	at                         time.Time
}

// Decode decodes the document of a published event; ok is false if it has none.
func Decode(e *outbox.EventBody) (p Published, ok bool, err error) {
	switch {
	case len(e.DespatchAdvice) > 0:
		p.Document, err = decodeText(&advices, string(e.DespatchAdvice))
	case len(e.Invoice) > 0:
		p.Document, err = decodeText(&invoices, string(e.Invoice))
	default:
		return p, false, nil
	}
	p.provider, p.account, p.orderID, p.revision, p.at = e.Provider, e.Account, e.OrderID, e.Revision, e.ObservedAt
	return p, true, err
}

// Replicate stores the document of an applied event and links it to the event's order. The document's
// other orders are linked too: their events follow, or the orders are not known yet.
func (t Tx) Replicate(p *Published) error {
	o := &jobs.Outcome{Job: jobs.Job{Provider: p.provider, Account: p.account}, AskedAt: p.at}
	stored, err := t.storedDocuments(o, p.documentKind, []Document{p.Document})
	if err != nil {
		return err
	}
	if before, known := stored[p.id]; !known || before.text != p.text {
		if err := t.storeDocument(o, &p.Document, known, orders.ChangedAt(o)); err != nil {
			return err
		}
	}
	if err := t.linkNamed(o, &p.Document); err != nil {
		return err
	}
	return t.recordLink(p)
}

// recordLink records which revision of an order is the event of a document, or deletes the link if the
// order no longer belongs to it.
func (t Tx) recordLink(p *Published) error {
	belongs := slices.Contains(p.orders, p.orderID)
	if !belongs && p.bill != "" {
		matching, err := sqlite.FetchIn(t.Tx, sqlite.Column[string], ordersOfBillSQL, p.provider, p.account, p.bill)
		if err != nil {
			return err
		}
		belongs = slices.Contains(matching, p.orderID)
	}
	if !belongs { // the event records that the order was removed from the document
		_, err := t.Exec(unlinkSQL, p.provider, p.account, p.orderID, p.name, p.id)
		return err
	}
	if err := t.link(&jobs.Outcome{Job: jobs.Job{Provider: p.provider, Account: p.account}}, link{p.orderID, p.name, p.id}); err != nil {
		return err
	}
	_, err := t.Exec(recordLinkSQL, p.revision, p.provider, p.account, p.orderID, p.name, p.id)
	return err
}

// RollBack undoes the documents whose events belong to revisions that are about to be rolled back:
// each is restored from the remaining events, or deleted if there are none.
func (t Tx) RollBack(r orders.Revisions) error {
	type event struct{ kind, text string }
	events, err := sqlite.FetchIn(t.Tx, func(rows *sql.Rows) (e event, err error) {
		err = rows.Scan(&e.kind, &e.text)
		return e, err
	}, documentEventsSQL, r.Provider, r.Account, r.OrderID, r.From, advices.event, invoices.event)
	if err != nil {
		return err
	}
	o := &jobs.Outcome{Job: jobs.Job{Provider: r.Provider, Account: r.Account}}
	for _, e := range events {
		kind := &advices
		if e.kind == invoices.event {
			kind = &invoices
		}
		d, err := decodeText(kind, e.text)
		if err == nil {
			err = t.restoreLink(r, &d)
		}
		if err == nil {
			err = t.restoreDocument(o, kind, d.id)
		}
		if err != nil {
			return fmt.Errorf("%s %s: %w", kind.name, d.id, err)
		}
	}
	return nil
}

// restoreLink restores the link of an order to a document from the last event before a revision.
func (t Tx) restoreLink(r orders.Revisions, d *Document) error {
	if _, err := t.Exec(unlinkSQL, r.Provider, r.Account, r.OrderID, d.name, d.id); err != nil {
		return err
	}
	var last Published
	var text string
	err := t.Row(lastEventSQL, []any{r.Provider, r.Account, r.OrderID, r.From, d.event, d.path(d.id)}, &last.revision, &text)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	if last.Document, err = decodeText(d.documentKind, text); err != nil {
		return err
	}
	last.provider, last.account, last.orderID = r.Provider, r.Account, r.OrderID
	return t.recordLink(&last)
}

// restoreDocument restores a document from its latest recorded event, or deletes it if there is none.
func (t Tx) restoreDocument(o *jobs.Outcome, kind *documentKind, id string) error {
	var text string
	key := []any{o.Provider, o.Account, id}
	err := t.Row(latestTextSQL, []any{o.Provider, o.Account, kind.name, id}, &text, sqlite.Time(&o.AskedAt))
	if errors.Is(err, sql.ErrNoRows) {
		for _, query := range []string{kind.deleteLines, kind.deleteHead} {
			if _, err := t.Exec(query, key...); err != nil {
				return err
			}
		}
		_, err = t.Exec(unlinkAllSQL, o.Provider, o.Account, kind.name, id)
		return err
	}
	if err != nil {
		return err
	}
	d, err := decodeText(kind, text)
	if err != nil {
		return err
	}
	if err := t.storeDocument(o, &d, true, orders.ChangedAt(o)); err != nil {
		return err
	}
	return t.linkNamed(o, &d)
}

// linkNamed replaces the links of a document that have no event with links to the orders that it names.
func (t Tx) linkNamed(o *jobs.Outcome, d *Document) error {
	if _, err := t.Exec(unlinkUnrecordedSQL, o.Provider, o.Account, d.name, d.id); err != nil {
		return err
	}
	_, err := t.linkAgain(o, []*Document{d})
	return err
}

const (
	unlinkUnrecordedSQL = `
DELETE FROM order_documents WHERE provider = ? AND account = ? AND kind = ? AND document_id = ? AND revision IS NULL`

	documentEventsSQL = `
SELECT type, changes -> '$[0].after' FROM order_events
 WHERE provider = ? AND account = ? AND order_id = ? AND revision >= ? AND type IN (?, ?)`

	lastEventSQL = `
SELECT revision, changes -> '$[0].after' FROM order_events
 WHERE provider = ? AND account = ? AND order_id = ? AND revision < ? AND type = ? AND changes ->> '$[0].path' = ?
 ORDER BY revision DESC LIMIT 1`

	latestTextSQL = `
SELECT e.changes -> '$[0].after', e.observed_at
  FROM order_documents AS d
  JOIN order_events AS e ON e.provider = d.provider AND e.account = d.account AND e.order_id = d.order_id AND e.revision = d.revision
 WHERE d.provider = ? AND d.account = ? AND d.kind = ? AND d.document_id = ?
 ORDER BY e.observed_at DESC, e.id DESC LIMIT 1`

	unlinkAllSQL = `DELETE FROM order_documents WHERE provider = ? AND account = ? AND kind = ? AND document_id = ?`
)
