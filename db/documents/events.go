package documents

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"

	"orderbeat/clients"
	"orderbeat/db/orders"
	"orderbeat/db/sqlite"
	"orderbeat/jobs"
)

// Apply stores the documents of an outcome and appends events for new or changed documents
// to the history of the known orders they belong to. For new or changed orders of the same outcome
// it appends events for documents that were stored before. It adds the orders of the documents to
// the tally.
func (t Tx) Apply(o *jobs.Outcome, orders []orders.Reported, list []Document, traceparent string, tally *jobs.Tally) error {
	changed, same, err := t.storeDocuments(o, list)
	if err != nil {
		return err
	}
	var ids []string
	for i := range orders {
		if orders[i].Touched {
			ids = append(ids, orders[i].OrderID)
		}
	}
	if len(ids) > 0 {
		if err := t.linkOrders(o, ids); err != nil {
			return err
		}
	}
	var removed []link
	for _, d := range changed {
		linked, unlinked, err := t.linkDocument(o, d.Document)
		if err != nil {
			return err
		}
		ids, removed = append(ids, linked...), append(removed, unlinked...)
	}
	again, err := t.linkAgain(o, same)
	if err != nil {
		return err
	}
	ids = append(ids, again...)
	recorded, err := t.recordDocumentEvents(o, ids, changed, traceparent)
	if err != nil {
		return err
	}
	for _, l := range removed {
		if _, err := t.Exec(unlinkSQL, o.Provider, o.Account, l.orderID, l.kind, l.documentID); err != nil {
			return err
		}
	}
	return t.countOrders(o, orders, list, recorded, tally)
}

const unlinkSQL = `
DELETE FROM order_documents
 WHERE provider = ? AND account = ? AND order_id = ? AND kind = ? AND document_id = ?`

// recordDocumentEvents appends events for the unrecorded document links of known orders, sorted by
// kind and number, and returns the ids of these orders.
func (t Tx) recordDocumentEvents(o *jobs.Outcome, ids []string, changed []changedDocument, traceparent string) (recorded []string, err error) {
	links, err := t.unrecordedLinks(o, ids)
	if err != nil {
		return nil, err
	}
	byID := make(map[string]changedDocument, len(changed))
	for _, d := range changed {
		byID[d.name+" "+d.id] = d
	}
	for len(links) > 0 {
		id := links[0].orderID
		n := slices.IndexFunc(links, func(l link) bool { return l.orderID != id })
		if n < 0 {
			n = len(links)
		}
		if err := t.recordEventsOf(o, id, links[:n], byID, traceparent); err != nil {
			return nil, fmt.Errorf("order %s: %w", id, err)
		}
		recorded, links = append(recorded, id), links[n:]
	}
	return recorded, nil
}

func (t Tx) unrecordedLinks(o *jobs.Outcome, ids []string) (list []link, err error) {
	if len(ids) == 0 {
		return nil, nil
	}
	keys, err := json.Marshal(ids)
	if err != nil {
		return nil, err
	}
	err = t.Each(unrecordedLinksSQL, []any{o.Provider, o.Account, string(keys)}, func(rows *sql.Rows) error {
		var l link
		err := rows.Scan(&l.orderID, &l.kind, &l.documentID)
		list = append(list, l)
		return err
	})
	return list, err
}

const unrecordedLinksSQL = `
SELECT d.order_id, d.kind, d.document_id
  FROM order_documents AS d
  JOIN orders AS o ON o.provider = d.provider AND o.account = d.account AND o.order_id = d.order_id
 WHERE d.provider = ? AND d.account = ? AND d.order_id IN (SELECT value FROM json_each(?)) AND d.revision IS NULL
 ORDER BY d.order_id, d.kind, d.document_id`

// recordEventsOf appends one event per document to the history of an order. Each event is a new
// revision; the order itself does not change.
func (t Tx) recordEventsOf(o *jobs.Outcome, id string, links []link, changed map[string]changedDocument, traceparent string) error {
	order := orders.Reported{Order: &clients.Order{Provider: o.Provider, Account: o.Account, OrderID: id}}
	var revision int
	err := t.Row(orderRevisionSQL, []any{o.Provider, o.Account, id}, &revision, &order.Reference,
		sqlite.Text(&order.Status), &order.Document)
	if err != nil {
		return err
	}
	for _, l := range links {
		kind, changes, err := t.describe(o, l, changed)
		if err != nil {
			return err
		}
		revision++
		err = t.orders.AddEvent(o, &order, orders.NewEvent{
			Kind: kind.event, Revision: revision, Changes: changes, Previous: order.Status, Traceparent: traceparent,
		})
		if err != nil {
			return err
		}
		if _, err := t.Exec(recordLinkSQL, revision, o.Provider, o.Account, id, l.kind, l.documentID); err != nil {
			return err
		}
	}
	_, err = t.Exec(reviseSQL, revision, orders.ChangedAt(o), o.Provider, o.Account, id)
	return err
}

const (
	orderRevisionSQL = `SELECT revision, reference, status, document FROM orders WHERE provider = ? AND account = ? AND order_id = ?`

	recordLinkSQL = `
UPDATE order_documents SET revision = ?
 WHERE provider = ? AND account = ? AND order_id = ? AND kind = ? AND document_id = ?`

	reviseSQL = `
UPDATE orders SET revision = ?, last_changed_at = max(last_changed_at, ?)
 WHERE provider = ? AND account = ? AND order_id = ?`
)

// describe returns the changes of an event: one change with the whole document before and after.
func (t Tx) describe(o *jobs.Outcome, l link, changed map[string]changedDocument) (kind *documentKind, changes string, err error) {
	kind = kindOf(l.kind)
	change := struct {
		Path   string          `json:"path"`
		Before json.RawMessage `json:"before"`
		After  json.RawMessage `json:"after"`
	}{Path: kind.path(l.documentID)}
	if d, ok := changed[l.kind+" "+l.documentID]; ok {
		change.After = json.RawMessage(d.text)
		if d.before != "" {
			change.Before = json.RawMessage(d.before)
		}
	} else if err := t.Row(kind.text, []any{o.Provider, o.Account, l.documentID}, (*sqlite.Raw)(&change.After)); err != nil {
		return nil, "", err
	}
	changes, err = sqlite.EncodeJSON([]any{change})
	return kind, changes, err
}

// countOrders adds to the tally the known orders that an outcome's documents belong to, except
// those that are already counted.
func (t Tx) countOrders(o *jobs.Outcome, orders []orders.Reported, list []Document, recorded []string, tally *jobs.Tally) error {
	counted, changed := map[string]bool{}, map[string]bool{}
	for _, id := range recorded {
		changed[id] = true
	}
	for i := range orders {
		counted[orders[i].OrderID] = true
	}
	for _, k := range []*documentKind{&advices, &invoices} {
		ids := idsOf(k, list)
		if len(ids) == 0 {
			continue
		}
		keys, err := json.Marshal(ids)
		if err != nil {
			return err
		}
		err = t.Each(ordersOfSQL, []any{o.Provider, o.Account, k.name, string(keys)}, func(rows *sql.Rows) error {
			var id string
			if err := rows.Scan(&id); err != nil || counted[id] {
				return err
			}
			counted[id] = true
			tally.Seen++
			if changed[id] {
				tally.Changed++
			} else {
				tally.Unchanged++
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

const ordersOfSQL = `
SELECT DISTINCT order_id FROM order_documents
 WHERE provider = ? AND account = ? AND kind = ? AND document_id IN (SELECT value FROM json_each(?))
   AND revision IS NOT NULL`
