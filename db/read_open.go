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
	return fetch(ctx, d.bulk, func(rows *sql.Rows) (o jobs.OpenOrder, err error) {
		err = rows.Scan(&o.OrderID, &o.OrderedOn, &o.Unlisted)
		return o, err
	}, openOrdersSQL, provider, account)
}

const openOrdersSQL = `
SELECT order_id, coalesce(ordered_on, substr(first_seen_at, 1, 10)), unlisted_since IS NOT NULL FROM orders INDEXED BY orders_open
 WHERE provider = ? AND account = ? AND status NOT IN ('shipped', 'delivered', 'cancelled')
 ORDER BY order_id`
