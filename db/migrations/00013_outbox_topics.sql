-- +goose Up

-- The outbox is read topic by topic. run_id is that of an order event that is to be published for the
-- first time: the run's result waits for it. refusal says why a message was postponed until due_at.
ALTER TABLE outbox ADD COLUMN run_id TEXT;
ALTER TABLE outbox ADD COLUMN refusal TEXT;
UPDATE outbox SET run_id = (SELECT e.run_id FROM order_events AS e WHERE e.id = outbox.event)
 WHERE topic = 'orders' AND headers IS NULL;
CREATE INDEX outbox_topic ON outbox (topic);
CREATE INDEX outbox_run ON outbox (run_id) WHERE run_id IS NOT NULL;
CREATE INDEX outbox_postponed ON outbox (subject) WHERE topic = 'orders' AND due_at IS NOT NULL;
CREATE INDEX outbox_refused ON outbox (source) WHERE refusal IS NOT NULL;

-- How far publishing has come: outbox rows of a topic up to up_to may have been sent to the stream, all
-- of them after its message number after_seq.
CREATE TABLE outbox_attempts (
  topic     TEXT NOT NULL PRIMARY KEY,
  up_to     INTEGER NOT NULL,
  after_seq INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Messages that their stream refuses as they are (too large, too many on their subject), out of the
-- way of the others. "orderbeat replay --unpublishable" puts them into the outbox again.
CREATE TABLE unpublishable (
  id           INTEGER PRIMARY KEY,
  set_aside_at TEXT NOT NULL,
  reason       TEXT NOT NULL,
  topic        TEXT NOT NULL,
  subject      TEXT NOT NULL,
  msg_id       TEXT NOT NULL,
  type         TEXT NOT NULL,
  ce_subject   TEXT NOT NULL,
  source       TEXT NOT NULL,
  time         TEXT NOT NULL,
  traceparent  TEXT,
  headers      TEXT,
  event        INTEGER,
  body         TEXT
) STRICT;
CREATE INDEX unpublishable_source ON unpublishable (source, id);

-- Requests whose Nats-Msg-Id had been used before, with another Orderbeat-Reply-To: its result goes there too.
CREATE TABLE repeated_requests (
  key          TEXT NOT NULL,
  reply_to     TEXT NOT NULL,
  run_id       TEXT NOT NULL REFERENCES runs (run_id) ON DELETE CASCADE,
  requested_at TEXT NOT NULL,
  PRIMARY KEY (key, reply_to)
) STRICT, WITHOUT ROWID;
CREATE INDEX repeated_requests_run ON repeated_requests (run_id);

-- When a request for this order by its number was first answered with "not found"; NULL since it was
-- seen again.
ALTER TABLE orders ADD COLUMN not_found_since TEXT;
