package documents

import (
	"context"
	"database/sql"

	"orderbeat/clients"
	"orderbeat/db/sqlite"
)

// OrderDocuments are the documents of an order.
type OrderDocuments struct {
	Advices  []clients.Advice  `json:"despatch_advices"`
	Invoices []clients.Invoice `json:"invoices"`
}

// Documents returns the despatch advices and invoices of an order, sorted by date and number. An
// unknown order may have documents.
func (s *Store) Documents(ctx context.Context, provider, account, orderID string) (docs OrderDocuments, err error) {
	if docs.Advices, err = sqlite.Fetch(ctx, s.file.Bulk(), scanJSON[clients.Advice], advicesOfSQL, provider, account, orderID); err != nil {
		return OrderDocuments{}, err
	}
	docs.Invoices, err = sqlite.Fetch(ctx, s.file.Bulk(), scanJSON[clients.Invoice], invoicesOfSQL, provider, account, orderID)
	return docs, err
}

// scanJSON scans a row with one JSON column.
func scanJSON[T any](rows *sql.Rows) (v T, err error) {
	err = rows.Scan(sqlite.JSON(&v))
	return v, err
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
