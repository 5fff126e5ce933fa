-- +goose Up

-- The complete responses about a range of order dates, the newest about each range: an order of that
-- range which was not seen since then is not listed by its provider any more. They are deleted after
-- 35 days.
CREATE TABLE complete_responses (
  provider     TEXT NOT NULL,
  account      TEXT NOT NULL,
  from_on      TEXT NOT NULL,
  to_on        TEXT NOT NULL,
  requested_at TEXT NOT NULL,
  PRIMARY KEY (provider, account, from_on, to_on)
) STRICT, WITHOUT ROWID;

-- What this replaces had to be written for every order.
ALTER TABLE orders DROP COLUMN unlisted_since;

-- The orders that are late are looked for once a day, among those that are open.
DROP INDEX orders_promised;
