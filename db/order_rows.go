package db

// storeOrder inserts or replaces the row of an order.
func (t *tx) storeOrder(o *reportedOrder, revision int, seenAt, changedAt string) error {
	_, err := t.Exec(storeOrderSQL, o.Provider, o.Account, o.OrderID, o.Reference, o.OrderedOn, o.Method, string(o.Status),
		o.OrderedQuantity, o.ShippedQuantity, o.OpenQuantity, o.PromisedOn, o.NextPromisedOn,
		revision, seenAt, seenAt, changedAt, o.fingerprint[:], o.document)
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

// storeLines inserts an order's lines, with their schedule lines and despatches.
func (t *tx) storeLines(o *reportedOrder) error {
	for i := range o.Lines {
		l := &o.Lines[i]
		_, err := t.Exec(lineSQL, o.Provider, o.Account, o.OrderID, l.LineID, l.ArticleID, l.BuyerArticleID, l.EAN,
			l.Description, string(l.Status), l.RequestedOn, l.PromisedOn, l.Ordered,
			l.Confirmed, l.Backordered, l.Cancelled, l.Scheduled, l.Open, l.Shipped)
		if err != nil {
			return err
		}
		for seq, s := range l.Schedule {
			_, err := t.Exec(scheduleLineSQL, o.Provider, o.Account, o.OrderID, l.LineID, seq+1, s.DeliveryOn, s.Ordered,
				s.Confirmed, s.Backordered, s.Cancelled, s.Scheduled, s.Open, s.Shipped)
			if err != nil {
				return err
			}
		}
		for seq, s := range l.Despatches {
			_, err := t.Exec(despatchSQL, o.Provider, o.Account, o.OrderID, l.LineID, seq+1, s.DespatchedOn, s.AdviceID, s.Quantity)
			if err != nil {
				return err
			}
		}
	}
	return nil
}

const (
	lineSQL = `
INSERT INTO order_lines (provider, account, order_id, line_id, article_id, buyer_article_id, ean,
       description, status, requested_on, promised_on, ordered,
       confirmed, backordered, cancelled, scheduled, open, shipped)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`

	scheduleLineSQL = `
INSERT INTO schedule_lines (provider, account, order_id, line_id, seq, delivery_on, ordered,
       confirmed, backordered, cancelled, scheduled, open, shipped)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`

	despatchSQL = `
INSERT INTO despatches (provider, account, order_id, line_id, seq, despatched_on, advice_id, quantity)
VALUES (?, ?, ?, ?, ?, ?, ?, ?)`
)

// dropLines removes what storeLines inserted: lines may be gone, and schedule
// lines and despatches have no ids to be found again by.
func (t *tx) dropLines(o *reportedOrder) error {
	for _, query := range []string{dropLinesSQL, dropScheduleSQL, dropDespatchesSQL} {
		if _, err := t.Exec(query, o.Provider, o.Account, o.OrderID); err != nil {
			return err
		}
	}
	return nil
}

const (
	dropLinesSQL      = `DELETE FROM order_lines WHERE provider = ? AND account = ? AND order_id = ?`
	dropScheduleSQL   = `DELETE FROM schedule_lines WHERE provider = ? AND account = ? AND order_id = ?`
	dropDespatchesSQL = `DELETE FROM despatches WHERE provider = ? AND account = ? AND order_id = ?`
)
