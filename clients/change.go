package clients

// Change is one difference between two reports of an order. Path is an order's
// own column ("status"), "lines/<line_id>/<column>", "lines/<line_id>" for a line
// that is new (Before is nil) or gone (After is nil), or
// "lines/<line_id>/schedule" and "lines/<line_id>/despatches" for whole arrays,
// whose elements have no ids.
type Change struct {
	Path   string `json:"path"`
	Before any    `json:"before"`
	After  any    `json:"after"`
}
