-- +goose Up

-- The targets of [[notify]] with their filters, as JSON arrays; an empty one matches everything.
CREATE TABLE notification_targets (
  target    TEXT NOT NULL PRIMARY KEY,
  codes     TEXT NOT NULL,
  providers TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Raised and resolved alerts of which a target is still to be notified.
CREATE TABLE notifications (
  notification_id INTEGER PRIMARY KEY AUTOINCREMENT,
  target          TEXT NOT NULL,
  at              TEXT NOT NULL,
  state           TEXT NOT NULL CHECK (state IN ('raised', 'resolved')),
  provider        TEXT NOT NULL,
  account         TEXT NOT NULL,
  user            TEXT NOT NULL,
  kind            TEXT NOT NULL,
  code            TEXT NOT NULL,
  message         TEXT NOT NULL,
  hint            TEXT NOT NULL,
  link            TEXT,
  since           TEXT NOT NULL
) STRICT;

CREATE INDEX notifications_target ON notifications (target);
