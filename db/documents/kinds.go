package documents

import (
	"strings"

	"orderbeat/clients"
	"orderbeat/db/outbox"
	"orderbeat/db/sqlite"
)

var advices = documentKind{
	name: "despatch_advice", event: outbox.TypeOrderDespatched, path: clients.AdvicePath,
	refresh: func(text string) ([16]byte, error) { return recomputeFingerprint(text, (*clients.Advice).Fingerprint) },
	known:   knownAdvicesSQL, store: adviceSQL, line: adviceLineSQL, deleteLines: deleteAdviceLinesSQL, deleteHead: deleteAdviceSQL, text: adviceTextSQL,
}

func adviceRows(a *clients.Advice) documentRows {
	r := documentRows{head: []any{
		a.BillOfLading, a.IssuedOn, a.DespatchedOn, a.ExpectedOn, a.Carrier, sqlite.OrNull(strings.Join(a.Tracking, ", ")), a.ShipTo, a.Quantity,
	}}
	for _, l := range a.Lines {
		r.lines = append(r.lines, []any{
			l.LineID, l.OrderID, l.OrderLineID, l.Reference, l.ArticleID, l.BuyerArticleID, l.EAN, l.Quantity,
		})
	}
	return r
}

const (
	knownAdvicesSQL = `
SELECT advice_id, fingerprint, last_changed_at, document FROM despatch_advices
 WHERE provider = ? AND account = ? AND advice_id IN (SELECT value FROM json_each(?))`

	adviceSQL = `
INSERT INTO despatch_advices (provider, account, advice_id, bill_of_lading, issued_on, despatched_on, expected_on,
       carrier, tracking, ship_to, quantity, first_seen_at, last_changed_at, fingerprint, document)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (provider, account, advice_id) DO UPDATE SET
       bill_of_lading = excluded.bill_of_lading, issued_on = excluded.issued_on,
       despatched_on = excluded.despatched_on, expected_on = excluded.expected_on, carrier = excluded.carrier,
       tracking = excluded.tracking, ship_to = excluded.ship_to, quantity = excluded.quantity,
       last_changed_at = excluded.last_changed_at, fingerprint = excluded.fingerprint, document = excluded.document`

	adviceLineSQL = `
INSERT INTO despatch_advice_lines (provider, account, advice_id, seq, line_id, order_id, order_line_id, reference,
       article_id, buyer_article_id, ean, quantity)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`

	deleteAdviceSQL      = `DELETE FROM despatch_advices WHERE provider = ? AND account = ? AND advice_id = ?`
	deleteAdviceLinesSQL = `DELETE FROM despatch_advice_lines WHERE provider = ? AND account = ? AND advice_id = ?`

	adviceTextSQL = `SELECT document FROM despatch_advices WHERE provider = ? AND account = ? AND advice_id = ?`
)

var invoices = documentKind{
	name: "invoice", event: outbox.TypeOrderInvoiced, path: clients.InvoicePath,
	refresh: func(text string) ([16]byte, error) { return recomputeFingerprint(text, (*clients.Invoice).Fingerprint) },
	known:   knownInvoicesSQL, store: invoiceSQL, line: invoiceLineSQL, deleteLines: deleteInvoiceLinesSQL, deleteHead: deleteInvoiceSQL, text: invoiceTextSQL,
}

func invoiceRows(i *clients.Invoice) documentRows {
	r := documentRows{head: []any{string(i.Type), i.InvoicedOn, i.DueOn, i.Currency, i.TotalAmount, i.ShipTo}}
	for _, l := range i.Lines {
		r.lines = append(r.lines, []any{
			l.LineID, l.OrderID, l.OrderLineID, l.Reference, l.BillOfLading, l.ArticleID, l.BuyerArticleID, l.EAN,
			l.Quantity, l.UnitPrice, l.NetAmount, l.TotalAmount,
		})
	}
	return r
}

const (
	knownInvoicesSQL = `
SELECT number, fingerprint, last_changed_at, document FROM invoices
 WHERE provider = ? AND account = ? AND number IN (SELECT value FROM json_each(?))`

	invoiceSQL = `
INSERT INTO invoices (provider, account, number, type, invoiced_on, due_on, currency, total_amount, ship_to,
       first_seen_at, last_changed_at, fingerprint, document)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (provider, account, number) DO UPDATE SET
       type = excluded.type, invoiced_on = excluded.invoiced_on, due_on = excluded.due_on,
       currency = excluded.currency, total_amount = excluded.total_amount, ship_to = excluded.ship_to,
       last_changed_at = excluded.last_changed_at, fingerprint = excluded.fingerprint, document = excluded.document`

	invoiceLineSQL = `
INSERT INTO invoice_lines (provider, account, number, seq, line_id, order_id, order_line_id, reference, bill_of_lading,
       article_id, buyer_article_id, ean, quantity, unit_price, net_amount, total_amount)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`

	deleteInvoiceSQL      = `DELETE FROM invoices WHERE provider = ? AND account = ? AND number = ?`
	deleteInvoiceLinesSQL = `DELETE FROM invoice_lines WHERE provider = ? AND account = ? AND number = ?`

	invoiceTextSQL = `SELECT document FROM invoices WHERE provider = ? AND account = ? AND number = ?`
)

// kindOf returns the kind with a name of order_documents.
func kindOf(name string) *documentKind {
	if name == invoices.name {
		return &invoices
	}
	return &advices
}

// decodeText decodes the JSON of a document of a kind.
func decodeText(kind *documentKind, text string) (Document, error) {
	if kind == &invoices {
		return decodeStored(text, invoiceDocument)
	}
	return decodeStored(text, adviceDocument)
}
