-- +goose Up

-- open_orders and late_orders are read in the order of this index, also when they are many.
CREATE INDEX orders_next_promised ON orders (next_promised_on)
  WHERE status NOT IN ('shipped', 'delivered', 'cancelled');

-- The earliest promise that still waits comes first.
DROP VIEW open_orders;
CREATE VIEW open_orders AS
SELECT provider, account, order_id, reference, ordered_on, status, ordered_quantity, shipped_quantity,
       open_quantity, next_promised_on, promised_on, last_changed_at, last_seen_at, not_found_since
  FROM orders
 WHERE status NOT IN ('shipped', 'delivered', 'cancelled')
 ORDER BY next_promised_on NULLS LAST;
