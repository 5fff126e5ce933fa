package orders

import (
	"context"
	"database/sql"

	"orderbeat/db/sqlite"
	"orderbeat/jobs"
)

// OpenOrders returns the open orders of an account. OrderedOn is the date when the supplier received
// the order or, if unknown, the day it was first seen (UTC). Unlisted is set if the last request for
// a window with that date did not return the order.
func (s *Store) OpenOrders(ctx context.Context, provider, account string) ([]jobs.OpenOrder, error) {
	return sqlite.Fetch(ctx, s.file.Bulk(), func(rows *sql.Rows) (o jobs.OpenOrder, err error) {
		err = rows.Scan(&o.OrderID, &o.OrderedOn, &o.Unlisted)
		return o, err
	}, openOrdersSQL, provider, account)
}

const openOrdersSQL = `
SELECT o.order_id, coalesce(o.ordered_on, substr(o.first_seen_at, 1, 10)),
       EXISTS (SELECT 1 FROM responses AS c
                WHERE c.provider = o.provider AND c.account = o.account
                  AND c.from_on > '' AND c.from_on <= o.ordered_on AND c.to_on >= o.ordered_on AND c.requested_at > o.last_seen_at)
  FROM orders AS o INDEXED BY orders_open
 WHERE o.provider = ? AND o.account = ? AND o.status NOT IN ('shipped', 'delivered', 'cancelled')
 ORDER BY o.order_id`
