package db

import (
	"context"
	"database/sql"

	"orderbeat/jobs"
)

// OpenOrders returns the orders of an account of which something is still expected, each
// with the date the supplier received it or, where that is not known, the day on which it
// was first seen (UTC), and whether the last request for a window that it belongs to lacked it.
func (d *DB) OpenOrders(ctx context.Context, provider, account string) ([]jobs.OpenOrder, error) {
	rows, err := d.bulk.QueryContext(ctx, openOrdersSQL, provider, account)
	if err != nil {
		return nil, err
	}
	var list []jobs.OpenOrder
	err = all(rows, func(rows *sql.Rows) error {
		var o jobs.OpenOrder
		err := rows.Scan(&o.OrderID, &o.OrderedOn, &o.Unlisted)
		list = append(list, o)
		return err
	})
	return list, err
}

const openOrdersSQL = `
SELECT order_id, coalesce(ordered_on, substr(first_seen_at, 1, 10)), unlisted_since IS NOT NULL FROM orders INDEXED BY orders_open
 WHERE provider = ? AND account = ? AND status NOT IN ('shipped', 'delivered', 'cancelled')
 ORDER BY order_id`
