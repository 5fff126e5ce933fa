package clients

// Change is one difference between two reports of an order. Path is an order's
// own column ("status"), "lines/<line_id>/<column>", "lines/<line_id>" for a line
// that is new (Before is nil) or gone (After is nil), or
// "lines/<line_id>/schedule" and "lines/<line_id>/despatches" for whole arrays,
// whose elements have no ids. What a despatch advice or an invoice changes about an order
// is told as [AdvicePath] and [InvoicePath], with the whole of it.
type Change struct {
	Path   string `json:"path"`
	Before any    `json:"before"`
	After  any    `json:"after"`
}

// AdvicePath is the path of a despatch advice among an order's changes.
func AdvicePath(id string) string { return "despatch_advices/" + escapeID.Replace(id) }

// InvoicePath is the path of an invoice among an order's changes.
func InvoicePath(number string) string { return "invoices/" + escapeID.Replace(number) }
