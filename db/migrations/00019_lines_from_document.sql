-- +goose Up

-- An order's document holds its lines. order_lines and schedule_lines show them, and no longer
-- hold a second copy of each; despatches stays a table, for its index by advice_id.
DROP VIEW late_lines;
DROP TABLE order_lines;
DROP TABLE schedule_lines;

CREATE VIEW order_lines AS
SELECT o.provider, o.account, o.order_id, l.value ->> 'line_id' AS line_id, l.value ->> 'article_id' AS article_id,
       l.value ->> 'buyer_article_id' AS buyer_article_id, l.value ->> 'ean' AS ean,
       l.value ->> 'description' AS description, l.value ->> 'status' AS status,
       l.value ->> 'requested_on' AS requested_on, l.value ->> 'promised_on' AS promised_on,
       l.value ->> 'ordered' AS ordered, l.value ->> 'confirmed' AS confirmed, l.value ->> 'backordered' AS backordered,
       l.value ->> 'cancelled' AS cancelled, l.value ->> 'scheduled' AS scheduled, l.value ->> 'open' AS open,
       l.value ->> 'shipped' AS shipped
  FROM orders AS o, json_each(o.document, '$.lines') AS l;

-- The parts in which a line is delivered, by date. seq counts them from 1.
CREATE VIEW schedule_lines AS
SELECT o.provider, o.account, o.order_id, l.value ->> 'line_id' AS line_id, s.key + 1 AS seq,
       s.value ->> 'delivery_on' AS delivery_on, s.value ->> 'ordered' AS ordered, s.value ->> 'confirmed' AS confirmed,
       s.value ->> 'backordered' AS backordered, s.value ->> 'cancelled' AS cancelled,
       s.value ->> 'scheduled' AS scheduled, s.value ->> 'open' AS open, s.value ->> 'shipped' AS shipped
  FROM orders AS o, json_each(o.document, '$.lines') AS l, json_each(l.value, '$.schedule') AS s;

-- The lines of late orders that are late themselves. A line waits in parts (schedule_lines)
-- or, if none of them says so, as a whole.
CREATE VIEW late_lines AS
SELECT CAST(julianday(local_date) - julianday(next_promised_on) AS INTEGER) AS days_late,
       provider, account, order_id, reference, line ->> 'line_id' AS line_id, line ->> 'article_id' AS article_id,
       line ->> 'buyer_article_id' AS buyer_article_id, line ->> 'description' AS description, line ->> 'status' AS status,
       line ->> 'ordered' AS ordered, line ->> 'shipped' AS shipped, line ->> 'backordered' AS backordered,
       next_promised_on, line ->> 'promised_on' AS promised_on
  FROM (SELECT o.provider, o.account, o.order_id, o.reference, l.value AS line, coalesce(a.local_date, date('now')) AS local_date,
               (SELECT CASE count(*) WHEN 0 THEN l.value ->> 'promised_on' ELSE min(s.value ->> 'delivery_on') END
                  FROM json_each(l.value, '$.schedule') AS s
                 WHERE s.value ->> 'backordered' > 0 OR s.value ->> 'open' > 0 OR s.value ->> 'confirmed' > 0 OR s.value ->> 'scheduled' > 0
               ) AS next_promised_on
          FROM orders AS o
          LEFT JOIN accounts AS a ON a.provider = o.provider AND a.account = o.account
          JOIN json_each(o.document, '$.lines') AS l
         WHERE o.status NOT IN ('shipped', 'delivered', 'cancelled') AND o.next_promised_on < coalesce(a.local_date, date('now'))
           AND l.value ->> 'status' NOT IN ('shipped', 'delivered', 'cancelled', 'unknown'))
 WHERE next_promised_on < local_date
 ORDER BY next_promised_on;
