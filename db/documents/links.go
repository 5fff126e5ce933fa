package documents

import (
	"database/sql"
	"encoding/json"
	"slices"

	"orderbeat/db/sqlite"
	"orderbeat/jobs"
)

// link connects a document to an order.
type link struct{ orderID, kind, documentID string }

// linkDocument updates order_documents for a new or changed document. It marks every order of the
// document, known or not, as unrecorded, including orders that it no longer belongs to. It returns
// all of these orders and, as removed, the links that no longer apply.
func (t Tx) linkDocument(o *jobs.Outcome, d *Document) (orders []string, removed []link, err error) {
	orders = slices.Clone(d.orders)
	if d.bill != "" {
		matching, err := sqlite.FetchIn(t.Tx, sqlite.Column[string], ordersOfBillSQL, o.Provider, o.Account, d.bill)
		if err != nil {
			return nil, nil, err
		}
		orders = append(orders, matching...)
	}
	belongs := make(map[string]bool, len(orders))
	for _, id := range orders {
		belongs[id] = true
	}
	linked, err := sqlite.FetchIn(t.Tx, sqlite.Column[string], clearRecordedSQL, o.Provider, o.Account, d.name, d.id)
	if err != nil {
		return nil, nil, err
	}
	for _, id := range linked {
		if !belongs[id] {
			removed = append(removed, link{id, d.name, d.id})
		}
	}
	for _, id := range orders {
		if err := t.link(o, link{id, d.name, d.id}); err != nil {
			return nil, nil, err
		}
	}
	for _, l := range removed {
		orders = append(orders, l.orderID)
	}
	return orders, removed, nil
}

func (t Tx) link(o *jobs.Outcome, l link) error {
	_, err := t.Exec(linkSQL, o.Provider, o.Account, l.orderID, l.kind, l.documentID)
	return err
}

const (
	ordersOfBillSQL = `SELECT DISTINCT order_id FROM despatches WHERE provider = ? AND account = ? AND advice_id = ?`

	clearRecordedSQL = `
UPDATE order_documents SET revision = NULL
 WHERE provider = ? AND account = ? AND kind = ? AND document_id = ?
RETURNING order_id`

	linkSQL = `
INSERT INTO order_documents (provider, account, order_id, kind, document_id) VALUES (?, ?, ?, ?, ?)
    ON CONFLICT DO NOTHING`
)

// linkOrders links new or changed orders to stored despatch advices that have no order number but a
// bill of lading of one of the orders' despatches.
func (t Tx) linkOrders(o *jobs.Outcome, ids []string) error {
	keys, err := json.Marshal(ids)
	if err != nil {
		return err
	}
	found, err := sqlite.FetchIn(t.Tx, func(rows *sql.Rows) (link, error) {
		l := link{kind: advices.name}
		err := rows.Scan(&l.orderID, &l.documentID)
		return l, err
	}, advicesByBillSQL, o.Provider, o.Account, string(keys))
	if err != nil {
		return err
	}
	for _, l := range found {
		if err := t.link(o, l); err != nil {
			return err
		}
	}
	return nil
}

const advicesByBillSQL = `
SELECT DISTINCT d.order_id, a.advice_id
  FROM despatches AS d
  JOIN despatch_advices AS a ON a.provider = d.provider AND a.account = d.account AND a.bill_of_lading = d.advice_id
  LEFT JOIN despatch_advice_lines AS l ON l.provider = a.provider AND l.account = a.account AND l.advice_id = a.advice_id
 WHERE d.provider = ? AND d.account = ? AND d.order_id IN (SELECT value FROM json_each(?))
   AND l.order_id IS NULL`

// linkAgain links unchanged documents to their orders again, and returns the orders: events that were rolled
// back ([Tx.RollBack]) are recorded when the document is reported again.
func (t Tx) linkAgain(o *jobs.Outcome, list []*Document) (orders []string, err error) {
	for _, d := range list {
		for _, id := range d.orders {
			if err := t.link(o, link{id, d.name, d.id}); err != nil {
				return nil, err
			}
		}
		orders = append(orders, d.orders...)
	}
	return orders, nil
}
