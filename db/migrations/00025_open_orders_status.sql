-- +goose Up

-- Open orders are counted by status from the index alone.
DROP INDEX orders_open;
CREATE INDEX orders_open ON orders (provider, account, order_id, status)
  WHERE status NOT IN ('shipped', 'delivered', 'cancelled');
