package db

import (
	"database/sql"
	"encoding/json"
	"slices"

	"orderbeat/db/sqlite"
	"orderbeat/jobs"
)

// link is that a document belongs to an order.
type link struct{ orderID, kind, documentID string }

// linkDocument brings order_documents in step with a document that is new or changed:
// every order that it belongs to, known or not, is still to be told of it. So is one that
// it belonged to and belongs to no longer: those are returned as lost. orders are all of
// them.
func (t *tx) linkDocument(o *jobs.Outcome, d *document) (orders []string, lost []link, err error) {
	orders = slices.Clone(d.orders)
	if d.bill != "" {
		of, err := sqlite.FetchIn(t.Tx, sqlite.Column[string], ordersOfBillSQL, o.Provider, o.Account, d.bill)
		if err != nil {
			return nil, nil, err
		}
		orders = append(orders, of...)
	}
	belongs := make(map[string]bool, len(orders))
	for _, id := range orders {
		belongs[id] = true
	}
	untold, err := sqlite.FetchIn(t.Tx, sqlite.Column[string], untellSQL, o.Provider, o.Account, d.name, d.id)
	if err != nil {
		return nil, nil, err
	}
	for _, id := range untold {
		if !belongs[id] {
			lost = append(lost, link{id, d.name, d.id})
		}
	}
	for _, id := range orders {
		if err := t.link(o, link{id, d.name, d.id}); err != nil {
			return nil, nil, err
		}
	}
	for _, l := range lost {
		orders = append(orders, l.orderID)
	}
	return orders, lost, nil
}

func (t *tx) link(o *jobs.Outcome, l link) error {
	_, err := t.Exec(linkSQL, o.Provider, o.Account, l.orderID, l.kind, l.documentID)
	return err
}

const (
	ordersOfBillSQL = `SELECT DISTINCT order_id FROM despatches WHERE provider = ? AND account = ? AND advice_id = ?`

	untellSQL = `
UPDATE order_documents SET revision = NULL
 WHERE provider = ? AND account = ? AND kind = ? AND document_id = ?
RETURNING order_id`

	linkSQL = `
INSERT INTO order_documents (provider, account, order_id, kind, document_id) VALUES (?, ?, ?, ?, ?)
    ON CONFLICT DO NOTHING`
)

// linkOrders links orders that are new or changed to the advices that came before and
// name no order, but a bill of lading that is now among the orders' despatches.
func (t *tx) linkOrders(o *jobs.Outcome, ids []string) error {
	keys, err := json.Marshal(ids)
	if err != nil {
		return err
	}
	found, err := sqlite.FetchIn(t.Tx, func(rows *sql.Rows) (link, error) {
		l := link{kind: advices.name}
		err := rows.Scan(&l.orderID, &l.documentID)
		return l, err
	}, unnamedSQL, o.Provider, o.Account, string(keys))
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

const unnamedSQL = `
SELECT DISTINCT d.order_id, a.advice_id
  FROM despatches AS d
  JOIN despatch_advices AS a ON a.provider = d.provider AND a.account = d.account AND a.bill_of_lading = d.advice_id
  LEFT JOIN despatch_advice_lines AS l ON l.provider = a.provider AND l.account = a.account AND l.advice_id = a.advice_id
 WHERE d.provider = ? AND d.account = ? AND d.order_id IN (SELECT value FROM json_each(?))
   AND l.order_id IS NULL`
