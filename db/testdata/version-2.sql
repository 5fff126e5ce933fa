PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE goose_db_version (
		id INTEGER PRIMARY KEY AUTOINCREMENT,
		version_id INTEGER NOT NULL,
		is_applied INTEGER NOT NULL,
		tstamp TIMESTAMP DEFAULT (datetime('now'))
	);
INSERT INTO goose_db_version VALUES(1,0,1,'2026-11-26 13:02:50');
INSERT INTO goose_db_version VALUES(2,1,1,'2026-11-26 13:02:51');
INSERT INTO goose_db_version VALUES(3,2,1,'2026-11-26 13:02:51');
CREATE TABLE orders (
  provider         TEXT NOT NULL,
  account          TEXT NOT NULL,
  order_id         TEXT NOT NULL,
  reference        TEXT,
  ordered_on       TEXT,
  method           TEXT,
  status           TEXT NOT NULL,
  ordered_quantity INTEGER,
  shipped_quantity INTEGER,
  open_quantity    INTEGER,
  promised_on      TEXT,
  revision         INTEGER NOT NULL,
  first_seen_at    TEXT NOT NULL,
  last_seen_at     TEXT NOT NULL,
  last_changed_at  TEXT NOT NULL,
  fingerprint      BLOB NOT NULL,
  document         TEXT NOT NULL,
  PRIMARY KEY (provider, account, order_id)
) STRICT;
INSERT INTO orders VALUES('michelin','detroit','SO1','PO-SO1','2026-11-17','EDI','partially_shipped',8,4,4,'2026-11-24',2,'2026-11-20T12:00:00.000Z','2026-11-20T13:00:00.000Z','2026-11-20T13:00:00.000Z',X'87fde9f9d730815185f180bfb4e6e2fb','{"provider":"michelin","account":"detroit","order_id":"SO1","reference":"PO-SO1","ordered_on":"2026-11-17","method":"EDI","status":"partially_shipped","ordered_quantity":8,"shipped_quantity":4,"open_quantity":4,"promised_on":"2026-11-24","lines":[{"line_id":"001","article_id":"A00000","buyer_article_id":null,"ean":"3528700000000","description":"225/45R17 94W XL PILOT SPORT","status":"shipped","requested_on":"2026-11-18","promised_on":"2026-11-24","ordered":4,"confirmed":null,"backordered":null,"cancelled":null,"scheduled":null,"open":null,"shipped":4,"schedule":[{"delivery_on":"2026-11-24","ordered":4,"confirmed":null,"backordered":null,"cancelled":null,"scheduled":null,"open":null,"shipped":4}],"despatches":[{"despatched_on":"2026-11-21","advice_id":"BOL1","quantity":4}]},{"line_id":"002","article_id":"A00001","buyer_article_id":null,"ean":"3528700000000","description":"225/45R17 94W XL PILOT SPORT","status":"scheduled","requested_on":"2026-11-18","promised_on":"2026-11-24","ordered":4,"confirmed":null,"backordered":null,"cancelled":null,"scheduled":4,"open":null,"shipped":null,"schedule":[{"delivery_on":"2026-11-24","ordered":4,"confirmed":null,"backordered":null,"cancelled":null,"scheduled":4,"open":null,"shipped":null}],"despatches":[]}]}');
INSERT INTO orders VALUES('michelin','detroit','SO2','PO-SO2','2026-11-17','EDI','scheduled',8,0,8,'2026-11-24',1,'2026-11-20T12:00:00.000Z','2026-11-20T12:00:00.000Z','2026-11-20T12:00:00.000Z',X'f4d20cc08dcac1e1b0d1fa89b9594a67','{"provider":"michelin","account":"detroit","order_id":"SO2","reference":"PO-SO2","ordered_on":"2026-11-17","method":"EDI","status":"scheduled","ordered_quantity":8,"shipped_quantity":0,"open_quantity":8,"promised_on":"2026-11-24","lines":[{"line_id":"001","article_id":"A00000","buyer_article_id":null,"ean":"3528700000000","description":"225/45R17 94W XL PILOT SPORT","status":"scheduled","requested_on":"2026-11-18","promised_on":"2026-11-24","ordered":4,"confirmed":null,"backordered":null,"cancelled":null,"scheduled":4,"open":null,"shipped":null,"schedule":[{"delivery_on":"2026-11-24","ordered":4,"confirmed":null,"backordered":null,"cancelled":null,"scheduled":4,"open":null,"shipped":null}],"despatches":[]},{"line_id":"002","article_id":"A00001","buyer_article_id":null,"ean":"3528700000000","description":"225/45R17 94W XL PILOT SPORT","status":"scheduled","requested_on":"2026-11-18","promised_on":"2026-11-24","ordered":4,"confirmed":null,"backordered":null,"cancelled":null,"scheduled":4,"open":null,"shipped":null,"schedule":[{"delivery_on":"2026-11-24","ordered":4,"confirmed":null,"backordered":null,"cancelled":null,"scheduled":4,"open":null,"shipped":null}],"despatches":[]}]}');
CREATE TABLE order_lines (
  provider         TEXT NOT NULL,
  account          TEXT NOT NULL,
  order_id         TEXT NOT NULL,
  line_id          TEXT NOT NULL,
  article_id       TEXT,
  buyer_article_id TEXT,
  ean              TEXT,
  description      TEXT,
  status           TEXT NOT NULL,
  requested_on     TEXT,
  promised_on      TEXT,
  ordered          INTEGER,
  confirmed        INTEGER,
  backordered      INTEGER,
  cancelled        INTEGER,
  scheduled        INTEGER,
  open             INTEGER,
  shipped          INTEGER,
  PRIMARY KEY (provider, account, order_id, line_id)
) STRICT, WITHOUT ROWID;
INSERT INTO order_lines VALUES('michelin','detroit','SO1','001','A00000',NULL,'3528700000000','225/45R17 94W XL PILOT SPORT','shipped','2026-11-18','2026-11-24',4,NULL,NULL,NULL,NULL,NULL,4);
INSERT INTO order_lines VALUES('michelin','detroit','SO1','002','A00001',NULL,'3528700000000','225/45R17 94W XL PILOT SPORT','scheduled','2026-11-18','2026-11-24',4,NULL,NULL,NULL,4,NULL,NULL);
INSERT INTO order_lines VALUES('michelin','detroit','SO2','001','A00000',NULL,'3528700000000','225/45R17 94W XL PILOT SPORT','scheduled','2026-11-18','2026-11-24',4,NULL,NULL,NULL,4,NULL,NULL);
INSERT INTO order_lines VALUES('michelin','detroit','SO2','002','A00001',NULL,'3528700000000','225/45R17 94W XL PILOT SPORT','scheduled','2026-11-18','2026-11-24',4,NULL,NULL,NULL,4,NULL,NULL);
CREATE TABLE schedule_lines (
  provider    TEXT NOT NULL,
  account     TEXT NOT NULL,
  order_id    TEXT NOT NULL,
  line_id     TEXT NOT NULL,
  seq         INTEGER NOT NULL,
  delivery_on TEXT,
  ordered     INTEGER,
  confirmed   INTEGER,
  backordered INTEGER,
  cancelled   INTEGER,
  scheduled   INTEGER,
  open        INTEGER,
  shipped     INTEGER,
  PRIMARY KEY (provider, account, order_id, line_id, seq)
) STRICT, WITHOUT ROWID;
INSERT INTO schedule_lines VALUES('michelin','detroit','SO1','001',1,'2026-11-24',4,NULL,NULL,NULL,NULL,NULL,4);
INSERT INTO schedule_lines VALUES('michelin','detroit','SO1','002',1,'2026-11-24',4,NULL,NULL,NULL,4,NULL,NULL);
INSERT INTO schedule_lines VALUES('michelin','detroit','SO2','001',1,'2026-11-24',4,NULL,NULL,NULL,4,NULL,NULL);
INSERT INTO schedule_lines VALUES('michelin','detroit','SO2','002',1,'2026-11-24',4,NULL,NULL,NULL,4,NULL,NULL);
CREATE TABLE despatches (
  provider      TEXT NOT NULL,
  account       TEXT NOT NULL,
  order_id      TEXT NOT NULL,
  line_id       TEXT NOT NULL,
  seq           INTEGER NOT NULL,
  despatched_on TEXT,
  advice_id     TEXT,
  quantity      INTEGER,
  PRIMARY KEY (provider, account, order_id, line_id, seq)
) STRICT, WITHOUT ROWID;
INSERT INTO despatches VALUES('michelin','detroit','SO1','001',1,'2026-11-21','BOL1',4);
CREATE TABLE order_events (
  id              INTEGER PRIMARY KEY,
  event_id        TEXT NOT NULL,
  provider        TEXT NOT NULL,
  account         TEXT NOT NULL,
  order_id        TEXT NOT NULL,
  revision        INTEGER NOT NULL,
  type            TEXT NOT NULL,
  reference       TEXT,
  status          TEXT NOT NULL,
  previous_status TEXT,
  run_id          TEXT NOT NULL,
  job_id          TEXT NOT NULL,
  observed_at     TEXT NOT NULL,
  changes         TEXT NOT NULL,
  document        TEXT NOT NULL,
  UNIQUE (provider, account, order_id, revision)
) STRICT;
INSERT INTO order_events VALUES(1,'michelin.detroit.SO1.1','michelin','detroit','SO1',1,'orderbeat.order.created.v1','PO-SO1','scheduled',NULL,'01M7WD7TG0EW1TT047XHYPX191','01M7WD7TG0EW1TT047XHYPX191-00001','2026-11-20T12:00:00.000Z','[]','{"provider":"michelin","account":"detroit","order_id":"SO1","reference":"PO-SO1","ordered_on":"2026-11-17","method":"EDI","status":"scheduled","ordered_quantity":8,"shipped_quantity":0,"open_quantity":8,"promised_on":"2026-11-24","lines":[{"line_id":"001","article_id":"A00000","buyer_article_id":null,"ean":"3528700000000","description":"225/45R17 94W XL PILOT SPORT","status":"scheduled","requested_on":"2026-11-18","promised_on":"2026-11-24","ordered":4,"confirmed":null,"backordered":null,"cancelled":null,"scheduled":4,"open":null,"shipped":null,"schedule":[{"delivery_on":"2026-11-24","ordered":4,"confirmed":null,"backordered":null,"cancelled":null,"scheduled":4,"open":null,"shipped":null}],"despatches":[]},{"line_id":"002","article_id":"A00001","buyer_article_id":null,"ean":"3528700000000","description":"225/45R17 94W XL PILOT SPORT","status":"scheduled","requested_on":"2026-11-18","promised_on":"2026-11-24","ordered":4,"confirmed":null,"backordered":null,"cancelled":null,"scheduled":4,"open":null,"shipped":null,"schedule":[{"delivery_on":"2026-11-24","ordered":4,"confirmed":null,"backordered":null,"cancelled":null,"scheduled":4,"open":null,"shipped":null}],"despatches":[]}]}');
INSERT INTO order_events VALUES(2,'michelin.detroit.SO2.1','michelin','detroit','SO2',1,'orderbeat.order.created.v1','PO-SO2','scheduled',NULL,'01M7WD7TG0EW1TT047XHYPX191','01M7WD7TG0EW1TT047XHYPX191-00001','2026-11-20T12:00:00.000Z','[]','{"provider":"michelin","account":"detroit","order_id":"SO2","reference":"PO-SO2","ordered_on":"2026-11-17","method":"EDI","status":"scheduled","ordered_quantity":8,"shipped_quantity":0,"open_quantity":8,"promised_on":"2026-11-24","lines":[{"line_id":"001","article_id":"A00000","buyer_article_id":null,"ean":"3528700000000","description":"225/45R17 94W XL PILOT SPORT","status":"scheduled","requested_on":"2026-11-18","promised_on":"2026-11-24","ordered":4,"confirmed":null,"backordered":null,"cancelled":null,"scheduled":4,"open":null,"shipped":null,"schedule":[{"delivery_on":"2026-11-24","ordered":4,"confirmed":null,"backordered":null,"cancelled":null,"scheduled":4,"open":null,"shipped":null}],"despatches":[]},{"line_id":"002","article_id":"A00001","buyer_article_id":null,"ean":"3528700000000","description":"225/45R17 94W XL PILOT SPORT","status":"scheduled","requested_on":"2026-11-18","promised_on":"2026-11-24","ordered":4,"confirmed":null,"backordered":null,"cancelled":null,"scheduled":4,"open":null,"shipped":null,"schedule":[{"delivery_on":"2026-11-24","ordered":4,"confirmed":null,"backordered":null,"cancelled":null,"scheduled":4,"open":null,"shipped":null}],"despatches":[]}]}');
INSERT INTO order_events VALUES(3,'michelin.detroit.SO1.2','michelin','detroit','SO1',2,'orderbeat.order.changed.v1','PO-SO1','partially_shipped','scheduled','01M7WD7TG0EW1TT047XKAQ03BE','01M7WD7TG0EW1TT047XKAQ03BE-00001','2026-11-20T13:00:00.000Z','[{"path":"status","before":"scheduled","after":"partially_shipped"},{"path":"shipped_quantity","before":0,"after":4},{"path":"open_quantity","before":8,"after":4},{"path":"lines/001/status","before":"scheduled","after":"shipped"},{"path":"lines/001/scheduled","before":4,"after":null},{"path":"lines/001/shipped","before":null,"after":4},{"path":"lines/001/schedule","before":[{"delivery_on":"2026-11-24","ordered":4,"confirmed":null,"backordered":null,"cancelled":null,"scheduled":4,"open":null,"shipped":null}],"after":[{"delivery_on":"2026-11-24","ordered":4,"confirmed":null,"backordered":null,"cancelled":null,"scheduled":null,"open":null,"shipped":4}]},{"path":"lines/001/despatches","before":[],"after":[{"despatched_on":"2026-11-21","advice_id":"BOL1","quantity":4}]}]','{"provider":"michelin","account":"detroit","order_id":"SO1","reference":"PO-SO1","ordered_on":"2026-11-17","method":"EDI","status":"partially_shipped","ordered_quantity":8,"shipped_quantity":4,"open_quantity":4,"promised_on":"2026-11-24","lines":[{"line_id":"001","article_id":"A00000","buyer_article_id":null,"ean":"3528700000000","description":"225/45R17 94W XL PILOT SPORT","status":"shipped","requested_on":"2026-11-18","promised_on":"2026-11-24","ordered":4,"confirmed":null,"backordered":null,"cancelled":null,"scheduled":null,"open":null,"shipped":4,"schedule":[{"delivery_on":"2026-11-24","ordered":4,"confirmed":null,"backordered":null,"cancelled":null,"scheduled":null,"open":null,"shipped":4}],"despatches":[{"despatched_on":"2026-11-21","advice_id":"BOL1","quantity":4}]},{"line_id":"002","article_id":"A00001","buyer_article_id":null,"ean":"3528700000000","description":"225/45R17 94W XL PILOT SPORT","status":"scheduled","requested_on":"2026-11-18","promised_on":"2026-11-24","ordered":4,"confirmed":null,"backordered":null,"cancelled":null,"scheduled":4,"open":null,"shipped":null,"schedule":[{"delivery_on":"2026-11-24","ordered":4,"confirmed":null,"backordered":null,"cancelled":null,"scheduled":4,"open":null,"shipped":null}],"despatches":[]}]}');
CREATE TABLE runs (
  run_id           TEXT NOT NULL PRIMARY KEY,
  provider         TEXT NOT NULL,
  kind             TEXT NOT NULL,
  state            TEXT NOT NULL,
  trigger          TEXT NOT NULL,
  accounts         TEXT,
  params           TEXT,
  jobs_total       INTEGER NOT NULL,
  jobs_succeeded   INTEGER NOT NULL DEFAULT 0,
  jobs_partial     INTEGER NOT NULL DEFAULT 0,
  jobs_failed      INTEGER NOT NULL DEFAULT 0,
  jobs_dead        INTEGER NOT NULL DEFAULT 0,
  jobs_cancelled   INTEGER NOT NULL DEFAULT 0,
  orders_seen      INTEGER NOT NULL DEFAULT 0,
  orders_created   INTEGER NOT NULL DEFAULT 0,
  orders_changed   INTEGER NOT NULL DEFAULT 0,
  orders_unchanged INTEGER NOT NULL DEFAULT 0,
  errors           TEXT NOT NULL,
  requested_at     TEXT NOT NULL,
  started_at       TEXT,
  finished_at      TEXT,
  key              TEXT,
  reply_to         TEXT,
  traceparent      TEXT
) STRICT;
INSERT INTO runs VALUES('01M7WD7TG0EW1TT047XHYPX191','michelin','sync','succeeded','nats',NULL,NULL,1,1,0,0,0,0,2,2,0,0,'[]','2026-11-20T12:00:00.000Z','2026-11-20T12:00:00.000Z','2026-11-20T12:00:02.000Z',NULL,NULL,'00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01');
INSERT INTO runs VALUES('01M7WD7TG0EW1TT047XKAQ03BE','michelin','sync','succeeded','nats',NULL,NULL,1,1,0,0,0,0,1,0,1,0,'[]','2026-11-20T12:00:00.000Z','2026-11-20T13:00:00.000Z','2026-11-20T13:00:02.000Z',NULL,NULL,'00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01');
INSERT INTO runs VALUES('01M7WD7TG0EW1TT047XPYTN3RD','michelin','sync','running','nats',NULL,NULL,2,0,0,1,0,0,0,0,0,0,'[]','2026-11-20T12:00:00.000Z','2026-11-20T14:00:00.000Z',NULL,NULL,NULL,'00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01');
INSERT INTO runs VALUES('01M7WD7TG0EW1TT047XS2B3C6A','mazda','sync','failed','nats',NULL,NULL,1,0,0,1,0,0,0,0,0,0,'[{"account":"a","code":"consent_required","message":"user johndoe must grant access","hint":"open the link"}]','2026-11-20T12:00:00.000Z','2026-11-20T14:00:00.000Z','2026-11-20T14:00:02.000Z',NULL,NULL,'00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01');
CREATE TABLE jobs (
  job_id           TEXT NOT NULL PRIMARY KEY,
  run_id           TEXT NOT NULL REFERENCES runs (run_id) ON DELETE CASCADE,
  provider         TEXT NOT NULL,
  account          TEXT NOT NULL,
  kind             TEXT NOT NULL,
  question         TEXT NOT NULL,
  state            TEXT NOT NULL,
  attempts         INTEGER NOT NULL DEFAULT 0,
  inline           INTEGER NOT NULL DEFAULT 0,
  next_attempt_at  TEXT,
  error_code       TEXT,
  error            TEXT,
  hint             TEXT,
  planned_at       TEXT NOT NULL,
  started_at       TEXT,
  asked_at         TEXT,
  finished_at      TEXT,
  orders_seen      INTEGER NOT NULL DEFAULT 0,
  orders_created   INTEGER NOT NULL DEFAULT 0,
  orders_changed   INTEGER NOT NULL DEFAULT 0,
  orders_unchanged INTEGER NOT NULL DEFAULT 0
) STRICT;
INSERT INTO jobs VALUES('01M7WD7TG0EW1TT047XHYPX191-00001','01M7WD7TG0EW1TT047XHYPX191','michelin','detroit','sync','{"from":"2026-11-06","to":"2026-11-20"}','succeeded',1,0,NULL,NULL,NULL,NULL,'2026-11-20T12:00:00.000Z','2026-11-20T12:00:00.000Z','2026-11-20T12:00:00.000Z','2026-11-20T12:00:02.000Z',2,2,0,0);
INSERT INTO jobs VALUES('01M7WD7TG0EW1TT047XKAQ03BE-00001','01M7WD7TG0EW1TT047XKAQ03BE','michelin','detroit','sync','{"from":"2026-11-06","to":"2026-11-20"}','succeeded',1,0,NULL,NULL,NULL,NULL,'2026-11-20T12:00:00.000Z','2026-11-20T12:00:00.000Z','2026-11-20T13:00:00.000Z','2026-11-20T13:00:02.000Z',1,0,1,0);
INSERT INTO jobs VALUES('01M7WD7TG0EW1TT047XPYTN3RD-00001','01M7WD7TG0EW1TT047XPYTN3RD','michelin','toledo','sync','{"from":"2026-11-06","to":"2026-11-20"}','failed',1,0,NULL,'forbidden','not yours','check bill_to','2026-11-20T12:00:00.000Z','2026-11-20T12:00:00.000Z','2026-11-20T14:00:00.000Z','2026-11-20T14:00:02.000Z',0,0,0,0);
INSERT INTO jobs VALUES('01M7WD7TG0EW1TT047XPYTN3RD-00002','01M7WD7TG0EW1TT047XPYTN3RD','michelin','detroit','sync','{"from":"2026-11-06","to":"2026-11-20"}','waiting',1,0,'2026-11-20T14:01:02.000Z','unavailable','the server is in maintenance','nothing to do','2026-11-20T12:00:00.000Z','2026-11-20T12:00:00.000Z','2026-11-20T14:00:00.000Z','2026-11-20T14:00:02.000Z',0,0,0,0);
INSERT INTO jobs VALUES('01M7WD7TG0EW1TT047XS2B3C6A-00001','01M7WD7TG0EW1TT047XS2B3C6A','mazda','a','sync','{"from":"2026-11-06","to":"2026-11-20"}','failed',1,0,NULL,'consent_required','user johndoe must grant access','open the link','2026-11-20T12:00:00.000Z','2026-11-20T12:00:00.000Z','2026-11-20T14:00:00.000Z','2026-11-20T14:00:02.000Z',0,0,0,0);
CREATE TABLE ticks (
  schedule TEXT NOT NULL,
  due_at   TEXT NOT NULL,
  outcome  TEXT NOT NULL CHECK (outcome IN ('started', 'skipped', 'missed', 'caught_up')),
  reason   TEXT,
  run_id   TEXT,
  PRIMARY KEY (schedule, due_at)
) STRICT, WITHOUT ROWID;
INSERT INTO ticks VALUES('recent','2026-11-20T12:00:00.000Z','started',NULL,NULL);
CREATE TABLE freshness (
  provider        TEXT NOT NULL,
  account         TEXT NOT NULL,
  last_success_at TEXT,
  last_failure_at TEXT,
  failure_code    TEXT,
  PRIMARY KEY (provider, account)
) STRICT, WITHOUT ROWID;
INSERT INTO freshness VALUES('mazda','a',NULL,'2026-11-20T14:00:00.000Z','consent_required');
INSERT INTO freshness VALUES('michelin','detroit','2026-11-20T13:00:00.000Z','2026-11-20T14:00:00.000Z','unavailable');
INSERT INTO freshness VALUES('michelin','toledo',NULL,'2026-11-20T14:00:00.000Z','forbidden');
CREATE TABLE outbox (
  id          INTEGER PRIMARY KEY AUTOINCREMENT,
  due_at      TEXT,
  topic       TEXT NOT NULL,
  subject     TEXT NOT NULL,
  msg_id      TEXT NOT NULL,
  type        TEXT NOT NULL,
  ce_subject  TEXT NOT NULL,
  source      TEXT NOT NULL,
  time        TEXT NOT NULL,
  traceparent TEXT,
  headers     TEXT,
  event       INTEGER,
  body        TEXT
) STRICT;
INSERT INTO outbox VALUES(5,NULL,'jobs','jobs.michelin.detroit.sync','01M7WD7TG0EW1TT047XKAQ03BE-00001.1','orderbeat.job.planned.v1','01M7WD7TG0EW1TT047XKAQ03BE-00001','/orderbeat/michelin','2026-11-20T12:00:00.000Z','00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',NULL,NULL,'{"job_id":"01M7WD7TG0EW1TT047XKAQ03BE-00001","run_id":"01M7WD7TG0EW1TT047XKAQ03BE","provider":"michelin","account":"detroit","kind":"sync","from":"2026-11-06","to":"2026-11-20","attempt":1,"first_at":"2026-11-20T12:00:00Z"}');
INSERT INTO outbox VALUES(6,NULL,'orders','orders.michelin.detroit.SO1','michelin.detroit.SO1.2','orderbeat.order.changed.v1','detroit/SO1','/orderbeat/michelin','2026-11-20T13:00:00.000Z','00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',NULL,3,NULL);
INSERT INTO outbox VALUES(7,NULL,'results','results.michelin.01M7WD7TG0EW1TT047XKAQ03BE','01M7WD7TG0EW1TT047XKAQ03BE.result','orderbeat.run.finished.v1','01M7WD7TG0EW1TT047XKAQ03BE','/orderbeat/michelin','2026-11-20T13:00:02.000Z','00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',NULL,NULL,'{"run_id":"01M7WD7TG0EW1TT047XKAQ03BE","provider":"michelin","kind":"sync","state":"succeeded","trigger":"nats","jobs":{"total":1,"succeeded":1,"partial":0,"failed":0,"dead":0,"cancelled":0},"orders":{"seen":1,"created":0,"changed":1,"unchanged":0},"errors":[],"requested_at":"2026-11-20T12:00:00Z","started_at":"2026-11-20T13:00:00Z","finished_at":"2026-11-20T13:00:02Z"}');
INSERT INTO outbox VALUES(8,NULL,'jobs','jobs.michelin.toledo.sync','01M7WD7TG0EW1TT047XPYTN3RD-00001.1','orderbeat.job.planned.v1','01M7WD7TG0EW1TT047XPYTN3RD-00001','/orderbeat/michelin','2026-11-20T12:00:00.000Z','00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',NULL,NULL,'{"job_id":"01M7WD7TG0EW1TT047XPYTN3RD-00001","run_id":"01M7WD7TG0EW1TT047XPYTN3RD","provider":"michelin","account":"toledo","kind":"sync","from":"2026-11-06","to":"2026-11-20","attempt":1,"first_at":"2026-11-20T12:00:00Z"}');
INSERT INTO outbox VALUES(9,NULL,'jobs','jobs.michelin.detroit.sync','01M7WD7TG0EW1TT047XPYTN3RD-00002.1','orderbeat.job.planned.v1','01M7WD7TG0EW1TT047XPYTN3RD-00002','/orderbeat/michelin','2026-11-20T12:00:00.000Z','00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',NULL,NULL,'{"job_id":"01M7WD7TG0EW1TT047XPYTN3RD-00002","run_id":"01M7WD7TG0EW1TT047XPYTN3RD","provider":"michelin","account":"detroit","kind":"sync","from":"2026-11-06","to":"2026-11-20","attempt":1,"first_at":"2026-11-20T12:00:00Z"}');
INSERT INTO outbox VALUES(10,NULL,'alerts','alerts.michelin.forbidden','michelin.forbidden.1.raised','orderbeat.alert.raised.v1','michelin.forbidden.1','/orderbeat/michelin','2026-11-20T14:00:02.000Z','00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',NULL,NULL,'{"code":"forbidden","state":"raised","provider":"michelin","account":"toledo","message":"not yours","hint":"check bill_to","since":"2026-11-20T14:00:02Z","run_id":"01M7WD7TG0EW1TT047XPYTN3RD","job_id":"01M7WD7TG0EW1TT047XPYTN3RD-00001"}');
INSERT INTO outbox VALUES(11,'2026-11-20T14:01:02.000Z','jobs','jobs.michelin.detroit.sync','01M7WD7TG0EW1TT047XPYTN3RD-00002.2','orderbeat.job.planned.v1','01M7WD7TG0EW1TT047XPYTN3RD-00002','/orderbeat/michelin','2026-11-20T14:00:02.000Z','00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',NULL,NULL,'{"job_id":"01M7WD7TG0EW1TT047XPYTN3RD-00002","run_id":"01M7WD7TG0EW1TT047XPYTN3RD","provider":"michelin","account":"detroit","kind":"sync","from":"2026-11-06","to":"2026-11-20","attempt":2,"first_at":"2026-11-20T12:00:00Z"}');
INSERT INTO outbox VALUES(12,NULL,'jobs','jobs.mazda.a.sync','01M7WD7TG0EW1TT047XS2B3C6A-00001.1','orderbeat.job.planned.v1','01M7WD7TG0EW1TT047XS2B3C6A-00001','/orderbeat/mazda','2026-11-20T12:00:00.000Z','00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',NULL,NULL,'{"job_id":"01M7WD7TG0EW1TT047XS2B3C6A-00001","run_id":"01M7WD7TG0EW1TT047XS2B3C6A","provider":"mazda","account":"a","kind":"sync","from":"2026-11-06","to":"2026-11-20","attempt":1,"first_at":"2026-11-20T12:00:00Z"}');
INSERT INTO outbox VALUES(13,NULL,'results','results.mazda.01M7WD7TG0EW1TT047XS2B3C6A','01M7WD7TG0EW1TT047XS2B3C6A.result','orderbeat.run.finished.v1','01M7WD7TG0EW1TT047XS2B3C6A','/orderbeat/mazda','2026-11-20T14:00:02.000Z','00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',NULL,NULL,'{"run_id":"01M7WD7TG0EW1TT047XS2B3C6A","provider":"mazda","kind":"sync","state":"failed","trigger":"nats","jobs":{"total":1,"succeeded":0,"partial":0,"failed":1,"dead":0,"cancelled":0},"orders":{"seen":0,"created":0,"changed":0,"unchanged":0},"errors":[{"account":"a","code":"consent_required","message":"user johndoe must grant access","hint":"open the link"}],"requested_at":"2026-11-20T12:00:00Z","started_at":"2026-11-20T14:00:00Z","finished_at":"2026-11-20T14:00:02Z"}');
INSERT INTO outbox VALUES(14,NULL,'runs','runs.michelin.sync','recent@2026-11-20T12:00:00Z','orderbeat.run.requested.v1','recent@2026-11-20T12:00:00Z','/orderbeat/michelin','2026-11-20T12:00:00.000Z',NULL,NULL,NULL,'{}');
INSERT INTO outbox VALUES(15,NULL,'alerts','alerts.mazda.consent_required','mazda.consent_required.2.raised','orderbeat.alert.raised.v1','mazda.consent_required.2','/orderbeat/mazda','2026-11-20T12:00:00.000Z',NULL,NULL,NULL,'{"code":"consent_required","state":"raised","provider":"mazda","user":"johndoe","message":"user johndoe must grant access","hint":"open the link","link":"http://127.0.0.1:8321/oauth/start/mazda?user=johndoe","since":"2026-11-20T12:00:00Z"}');
CREATE TABLE credentials (
  key            TEXT NOT NULL PRIMARY KEY,
  provider       TEXT NOT NULL,
  environment    TEXT NOT NULL,
  user           TEXT NOT NULL,
  state          TEXT NOT NULL,
  generation     INTEGER NOT NULL,
  sealed         TEXT,
  obtained_at    TEXT,
  refresh_at     TEXT,
  expires_at     TEXT,
  expiry_source  TEXT,
  consented_at   TEXT,
  consent_reason TEXT,
  credential     TEXT,
  lease_owner    TEXT,
  lease_until    TEXT,
  intent_at      TEXT,
  lost           INTEGER NOT NULL DEFAULT 0,
  failures       INTEGER NOT NULL DEFAULT 0,
  refusals       INTEGER NOT NULL DEFAULT 0,
  failure_class  TEXT,
  failure_status INTEGER,
  failure_code   TEXT,
  failure_reason TEXT,
  failed_at      TEXT,
  cooldown_until TEXT,
  logins         INTEGER NOT NULL DEFAULT 0,
  replays        INTEGER NOT NULL DEFAULT 0,
  saved          INTEGER NOT NULL DEFAULT 0,
  updated_at     TEXT NOT NULL
) STRICT;
INSERT INTO credentials VALUES('mazda/test/johndoe','mazda','test','johndoe','valid',1,'sealed','2026-11-20T12:00:00.000Z','2026-11-20T12:50:00.000Z','2026-11-20T13:00:00.000Z','server','2026-11-20T11:00:00.000Z',NULL,'fingerprint of johndoe',NULL,NULL,NULL,0,0,0,NULL,NULL,NULL,NULL,NULL,NULL,3,0,0,'2026-11-26T13:02:51.170Z');
CREATE TABLE alerts (
  alert_id    INTEGER PRIMARY KEY AUTOINCREMENT,
  provider    TEXT NOT NULL,
  account     TEXT NOT NULL,
  user        TEXT NOT NULL,
  code        TEXT NOT NULL,
  state       TEXT NOT NULL CHECK (state IN ('raised', 'resolved')),
  message     TEXT NOT NULL,
  hint        TEXT NOT NULL,
  link        TEXT,
  since       TEXT NOT NULL,
  resolved_at TEXT,
  run_id      TEXT,
  job_id      TEXT
) STRICT;
INSERT INTO alerts VALUES(1,'michelin','toledo','','forbidden','raised','not yours','check bill_to',NULL,'2026-11-20T14:00:02.000Z',NULL,'01M7WD7TG0EW1TT047XPYTN3RD','01M7WD7TG0EW1TT047XPYTN3RD-00001');
INSERT INTO alerts VALUES(2,'mazda','','johndoe','consent_required','raised','user johndoe must grant access','open the link','http://127.0.0.1:8321/oauth/start/mazda?user=johndoe','2026-11-20T12:00:00.000Z',NULL,NULL,NULL);
DELETE FROM sqlite_sequence;
INSERT INTO sqlite_sequence VALUES('goose_db_version',3);
INSERT INTO sqlite_sequence VALUES('outbox',15);
INSERT INTO sqlite_sequence VALUES('alerts',2);
CREATE INDEX orders_reference ON orders (reference) WHERE reference IS NOT NULL;
CREATE INDEX orders_changed ON orders (last_changed_at, provider, account, order_id);
CREATE INDEX orders_open ON orders (provider, account, order_id)
  WHERE status NOT IN ('shipped', 'delivered', 'cancelled');
CREATE UNIQUE INDEX runs_key ON runs (key) WHERE key IS NOT NULL;
CREATE INDEX runs_provider ON runs (provider, run_id);
CREATE INDEX runs_state ON runs (state, run_id);
CREATE INDEX jobs_run ON jobs (run_id, job_id);
CREATE INDEX jobs_unfinished ON jobs (state, job_id) WHERE state <> 'succeeded';
CREATE INDEX outbox_due ON outbox (due_at) WHERE due_at IS NOT NULL;
CREATE VIEW open_orders AS
SELECT provider, account, order_id, reference, ordered_on, status, ordered_quantity,
       shipped_quantity, open_quantity, promised_on, last_changed_at, last_seen_at
  FROM orders
 WHERE status NOT IN ('shipped', 'delivered', 'cancelled')
 ORDER BY promised_on IS NULL, promised_on;
CREATE VIEW late_orders AS
SELECT CAST(julianday('now', 'start of day') - julianday(promised_on) AS INTEGER) AS days_late,
       provider, account, order_id, reference, ordered_on, status, open_quantity,
       promised_on, last_changed_at, last_seen_at
  FROM orders
 WHERE status NOT IN ('shipped', 'delivered', 'cancelled') AND promised_on < date('now')
 ORDER BY promised_on;
CREATE VIEW recent_changes AS
SELECT e.observed_at, e.provider, e.account, e.order_id, e.reference, e.revision, e.status,
       c.value ->> '$.path' AS path, c.value -> '$.before' AS before, c.value -> '$.after' AS after,
       e.run_id, e.job_id
  FROM (SELECT * FROM order_events ORDER BY id DESC LIMIT 1000) AS e
  LEFT JOIN json_each(e.changes) AS c
 ORDER BY e.id DESC, c.key;
CREATE VIEW failed_jobs AS
SELECT finished_at, job_id, provider, account, kind, state, attempts, next_attempt_at,
       error_code, error, hint
  FROM jobs
 WHERE state IN ('failed', 'dead', 'partial', 'waiting') AND state <> 'succeeded'
 ORDER BY job_id DESC;
CREATE UNIQUE INDEX alerts_raised ON alerts (provider, account, user, code) WHERE state = 'raised';
CREATE INDEX jobs_unconsented ON jobs (provider, account, job_id)
  WHERE state = 'failed' AND error_code = 'consent_required';
CREATE VIEW provider_health AS
WITH subjects AS (
  SELECT provider, account FROM freshness
   UNION
  SELECT provider, account FROM alerts WHERE state = 'raised' AND account <> ''
), everybody AS (
  SELECT provider, account FROM subjects
   UNION
  SELECT provider, '' FROM alerts WHERE state = 'raised' AND provider NOT IN (SELECT provider FROM subjects)
   UNION
  SELECT provider, '' FROM credentials WHERE provider NOT IN (SELECT provider FROM subjects)
), used AS (
  SELECT provider, user, state, cooldown_until, max(updated_at) AS updated_at FROM credentials GROUP BY provider, user
)
SELECT e.provider, e.account, f.last_success_at, f.last_failure_at, f.failure_code,
       (SELECT u.state FROM used AS u WHERE u.provider = e.provider
         ORDER BY CASE u.state WHEN 'refused' THEN 1 WHEN 'consent_required' THEN 2 WHEN 'empty' THEN 3 ELSE 4 END LIMIT 1) AS credential_state,
       (SELECT max(u.cooldown_until) FROM used AS u
         WHERE u.provider = e.provider AND u.cooldown_until > strftime('%Y-%m-%dT%H:%M:%fZ')) AS cooldown_until,
       (SELECT group_concat(code || CASE user WHEN '' THEN '' ELSE ' (' || user || ')' END, ', ')
          FROM (SELECT * FROM alerts WHERE state = 'raised' ORDER BY alert_id) AS a
         WHERE a.provider = e.provider AND a.account IN ('', e.account)) AS alerts
  FROM everybody AS e LEFT JOIN freshness AS f ON f.provider = e.provider AND f.account = e.account
 ORDER BY e.provider, e.account;
COMMIT;
