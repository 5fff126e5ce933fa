-- +goose Up

-- Since when complete responses about windows that include the order's date lack it; NULL since it was
-- seen again. It is then requested by its number whatever its age: not_found_since is what comes of that.
ALTER TABLE orders ADD COLUMN unlisted_since TEXT;

DROP VIEW open_orders;
CREATE VIEW open_orders AS
SELECT provider, account, order_id, reference, ordered_on, status, ordered_quantity,
       shipped_quantity, open_quantity, promised_on, last_changed_at, last_seen_at, not_found_since
  FROM orders
 WHERE status NOT IN ('shipped', 'delivered', 'cancelled')
 ORDER BY promised_on IS NULL, promised_on;
