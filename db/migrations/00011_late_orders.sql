-- +goose Up

-- next_promised_on is the earliest promise that still waits, promised_on the latest.
ALTER TABLE orders ADD COLUMN next_promised_on TEXT;

UPDATE orders AS o SET next_promised_on = CASE
  WHEN EXISTS (SELECT 1 FROM order_lines AS l WHERE l.provider = o.provider AND l.account = o.account AND l.order_id = o.order_id)
  THEN (SELECT min(CASE
               WHEN EXISTS (SELECT 1 FROM schedule_lines AS s
                             WHERE s.provider = l.provider AND s.account = l.account AND s.order_id = l.order_id AND s.line_id = l.line_id
                               AND (s.backordered > 0 OR s.open > 0 OR s.confirmed > 0 OR s.scheduled > 0))
               THEN (SELECT min(s.delivery_on) FROM schedule_lines AS s
                      WHERE s.provider = l.provider AND s.account = l.account AND s.order_id = l.order_id AND s.line_id = l.line_id
                        AND (s.backordered > 0 OR s.open > 0 OR s.confirmed > 0 OR s.scheduled > 0))
               ELSE l.promised_on END)
          FROM order_lines AS l
         WHERE l.provider = o.provider AND l.account = o.account AND l.order_id = o.order_id
           AND l.status NOT IN ('shipped', 'delivered', 'cancelled', 'unknown'))
  WHEN o.status <> 'unknown' THEN o.promised_on
  END
 WHERE status NOT IN ('shipped', 'delivered', 'cancelled');

-- What is promised next, in the order in which it becomes late.
CREATE INDEX orders_promised ON orders (provider, account, next_promised_on)
  WHERE status NOT IN ('shipped', 'delivered', 'cancelled');

-- The configured accounts. local_date is today in the account's time zone: an order is late
-- from the day after the one that it was promised for.
CREATE TABLE accounts (
  provider   TEXT NOT NULL,
  account    TEXT NOT NULL,
  timezone   TEXT NOT NULL,
  local_date TEXT NOT NULL,
  PRIMARY KEY (provider, account)
) STRICT, WITHOUT ROWID;

-- The promises whose lateness was published (orderbeat.order.late.v1): each once for an order.
CREATE TABLE late_notices (
  provider    TEXT NOT NULL,
  account     TEXT NOT NULL,
  order_id    TEXT NOT NULL,
  promised_on TEXT NOT NULL,
  noticed_at  TEXT NOT NULL,
  PRIMARY KEY (provider, account, order_id, promised_on)
) STRICT, WITHOUT ROWID;

DROP VIEW late_orders;

-- Orders of which something still waits that was promised for a day before today, in the
-- account's time zone. days_late counts from next_promised_on.
CREATE VIEW late_orders AS
SELECT CAST(julianday(coalesce(a.local_date, date('now'))) - julianday(o.next_promised_on) AS INTEGER) AS days_late,
       o.provider, o.account, o.order_id, o.reference, o.ordered_on, o.status, o.open_quantity,
       o.next_promised_on, o.promised_on, o.last_changed_at, o.last_seen_at
  FROM orders AS o LEFT JOIN accounts AS a ON a.provider = o.provider AND a.account = o.account
 WHERE o.status NOT IN ('shipped', 'delivered', 'cancelled') AND o.next_promised_on < coalesce(a.local_date, date('now'))
 ORDER BY o.next_promised_on;

-- The lines of late orders that are late themselves. A line waits in parts (schedule_lines)
-- or, if none of them says so, as a whole.
CREATE VIEW late_lines AS
SELECT CAST(julianday(local_date) - julianday(next_promised_on) AS INTEGER) AS days_late,
       provider, account, order_id, reference, line_id, article_id, buyer_article_id, description, status,
       ordered, shipped, backordered, next_promised_on, promised_on
  FROM (SELECT l.*, o.reference, coalesce(a.local_date, date('now')) AS local_date, CASE
               WHEN EXISTS (SELECT 1 FROM schedule_lines AS s
                             WHERE s.provider = l.provider AND s.account = l.account AND s.order_id = l.order_id AND s.line_id = l.line_id
                               AND (s.backordered > 0 OR s.open > 0 OR s.confirmed > 0 OR s.scheduled > 0))
               THEN (SELECT min(s.delivery_on) FROM schedule_lines AS s
                      WHERE s.provider = l.provider AND s.account = l.account AND s.order_id = l.order_id AND s.line_id = l.line_id
                        AND (s.backordered > 0 OR s.open > 0 OR s.confirmed > 0 OR s.scheduled > 0))
               ELSE l.promised_on END AS next_promised_on
          FROM orders AS o
          JOIN order_lines AS l ON l.provider = o.provider AND l.account = o.account AND l.order_id = o.order_id
          LEFT JOIN accounts AS a ON a.provider = o.provider AND a.account = o.account
         WHERE o.status NOT IN ('shipped', 'delivered', 'cancelled') AND o.next_promised_on < coalesce(a.local_date, date('now'))
           AND l.status NOT IN ('shipped', 'delivered', 'cancelled', 'unknown'))
 WHERE next_promised_on < local_date
 ORDER BY next_promised_on;
