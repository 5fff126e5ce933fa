package orders

// storeOrder inserts or replaces the row of an order.
func (t Tx) storeOrder(o *Reported, revision int, seenAt, changedAt string) error {
	_, err := t.Exec(storeOrderSQL, o.Provider, o.Account, o.OrderID, o.Reference, o.OrderedOn, o.Method, string(o.Status),
		o.OrderedQuantity, o.ShippedQuantity, o.OpenQuantity, o.PromisedOn, o.NextPromisedOn,
		revision, seenAt, seenAt, changedAt, o.fingerprint[:], o.Document)
	return err
}

const storeOrderSQL = `
INSERT INTO orders (provider, account, order_id, reference, ordered_on, method, status,
       ordered_quantity, shipped_quantity, open_quantity, promised_on, next_promised_on,
       revision, first_seen_at, last_seen_at, last_changed_at, fingerprint, document)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (provider, account, order_id) DO UPDATE SET
       reference = excluded.reference, ordered_on = excluded.ordered_on, method = excluded.method,
       status = excluded.status, ordered_quantity = excluded.ordered_quantity,
       shipped_quantity = excluded.shipped_quantity, open_quantity = excluded.open_quantity,
       promised_on = excluded.promised_on, next_promised_on = excluded.next_promised_on, revision = excluded.revision,
       last_seen_at = excluded.last_seen_at, last_changed_at = excluded.last_changed_at,
       fingerprint = excluded.fingerprint, document = excluded.document,
       not_found_since = CASE WHEN not_found_since > excluded.last_seen_at THEN not_found_since END`

// storeDespatches inserts the rows of an order's despatches, which are used to look up a bill of
// lading. Other line data is only in the document: order_lines and schedule_lines are views.
func (t Tx) storeDespatches(o *Reported) error {
	for i := range o.Lines {
		l := &o.Lines[i]
		for seq, s := range l.Despatches {
			_, err := t.Exec(despatchSQL, o.Provider, o.Account, o.OrderID, l.LineID, seq+1, s.DespatchedOn, s.AdviceID, s.Quantity)
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// deleteDespatches deletes the rows of an order's despatches.
func (t Tx) deleteDespatches(o *Reported) error {
	_, err := t.Exec(deleteDespatchesSQL, o.Provider, o.Account, o.OrderID)
	return err
}

const (
	despatchSQL = `
INSERT INTO despatches (provider, account, order_id, line_id, seq, despatched_on, advice_id, quantity)
VALUES (?, ?, ?, ?, ?, ?, ?, ?)`

	deleteDespatchesSQL = `DELETE FROM despatches WHERE provider = ? AND account = ? AND order_id = ?`
)
