package db

import (
	"context"
	"database/sql"

	"orderbeat/clients"
)

// OrderDocuments are what belongs to one order beside the order itself.
type OrderDocuments struct {
	Advices  []clients.Advice  `json:"despatch_advices"`
	Invoices []clients.Invoice `json:"invoices"`
}

// Documents returns the despatch advices and the invoices of an order, by day and
// number. An order that is not known may have some.
func (d *DB) Documents(ctx context.Context, provider, account, orderID string) (OrderDocuments, error) {
	docs := OrderDocuments{Advices: []clients.Advice{}, Invoices: []clients.Invoice{}}
	err := readDocuments(ctx, d.bulk, advicesOfSQL, provider, account, orderID, &docs.Advices)
	if err != nil {
		return OrderDocuments{}, err
	}
	err = readDocuments(ctx, d.bulk, invoicesOfSQL, provider, account, orderID, &docs.Invoices)
	if err != nil {
		return OrderDocuments{}, err
	}
	return docs, nil
}

func readDocuments[T any](ctx context.Context, pool *sql.DB, query, provider, account, orderID string, into *[]T) error {
	rows, err := pool.QueryContext(ctx, query, provider, account, orderID)
	if err != nil {
		return err
	}
	return all(rows, func(rows *sql.Rows) error {
		var v T
		err := rows.Scan(jsonInto{&v})
		*into = append(*into, v)
		return err
	})
}

const (
	advicesOfSQL = `
SELECT a.document FROM order_documents AS d
  JOIN despatch_advices AS a ON a.provider = d.provider AND a.account = d.account AND a.advice_id = d.document_id
 WHERE d.provider = ? AND d.account = ? AND d.order_id = ? AND d.kind = 'despatch_advice'
 ORDER BY a.despatched_on, a.advice_id`

	invoicesOfSQL = `
SELECT i.document FROM order_documents AS d
  JOIN invoices AS i ON i.provider = d.provider AND i.account = d.account AND i.number = d.document_id
 WHERE d.provider = ? AND d.account = ? AND d.order_id = ? AND d.kind = 'invoice'
 ORDER BY i.invoiced_on, i.number`
)
