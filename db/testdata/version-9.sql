PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE goose_db_version (
		id INTEGER PRIMARY KEY AUTOINCREMENT,
		version_id INTEGER NOT NULL,
		is_applied INTEGER NOT NULL,
		tstamp TIMESTAMP DEFAULT (datetime('now'))
	);
INSERT INTO goose_db_version VALUES(1,0,1,'2026-11-26 13:03:29');
INSERT INTO goose_db_version VALUES(2,1,1,'2026-11-26 13:03:29');
INSERT INTO goose_db_version VALUES(3,2,1,'2026-11-26 13:03:29');
INSERT INTO goose_db_version VALUES(4,3,1,'2026-11-26 13:03:29');
INSERT INTO goose_db_version VALUES(5,4,1,'2026-11-26 13:03:29');
INSERT INTO goose_db_version VALUES(6,5,1,'2026-11-26 13:03:29');
INSERT INTO goose_db_version VALUES(7,6,1,'2026-11-26 13:03:29');
INSERT INTO goose_db_version VALUES(8,7,1,'2026-11-26 14:27:34');
INSERT INTO goose_db_version VALUES(9,8,1,'2026-11-26 15:23:46');
INSERT INTO goose_db_version VALUES(10,9,1,'2026-11-29 02:13:45');
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
INSERT INTO orders VALUES('michelin','detroit','SO1','PO-SO1','2026-11-17','EDI','partially_shipped',8,4,4,'2026-11-24',4,'2026-11-20T12:00:00.000Z','2026-11-20T13:00:00.000Z','2026-11-20T15:00:00.000Z',X'87fde9f9d730815185f180bfb4e6e2fb','{"provider":"michelin","account":"detroit","order_id":"SO1","reference":"PO-SO1","ordered_on":"2026-11-17","method":"EDI","status":"partially_shipped","ordered_quantity":8,"shipped_quantity":4,"open_quantity":4,"promised_on":"2026-11-24","lines":[{"line_id":"001","article_id":"A00000","buyer_article_id":null,"ean":"3528700000000","description":"225/45R17 94W XL PILOT SPORT","status":"shipped","requested_on":"2026-11-18","promised_on":"2026-11-24","ordered":4,"confirmed":null,"backordered":null,"cancelled":null,"scheduled":null,"open":null,"shipped":4,"schedule":[{"delivery_on":"2026-11-24","ordered":4,"confirmed":null,"backordered":null,"cancelled":null,"scheduled":null,"open":null,"shipped":4}],"despatches":[{"despatched_on":"2026-11-21","advice_id":"BOL1","quantity":4}]},{"line_id":"002","article_id":"A00001","buyer_article_id":null,"ean":"3528700000000","description":"225/45R17 94W XL PILOT SPORT","status":"scheduled","requested_on":"2026-11-18","promised_on":"2026-11-24","ordered":4,"confirmed":null,"backordered":null,"cancelled":null,"scheduled":4,"open":null,"shipped":null,"schedule":[{"delivery_on":"2026-11-24","ordered":4,"confirmed":null,"backordered":null,"cancelled":null,"scheduled":4,"open":null,"shipped":null}],"despatches":[]}]}');
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
INSERT INTO order_events VALUES(1,'michelin.detroit.SO1.1','michelin','detroit','SO1',1,'orderbeat.order.created.v1','PO-SO1','scheduled',NULL,'01M7WD7TG0ST4MRNP1MN9NW7MF','01M7WD7TG0ST4MRNP1MN9NW7MF-00001','2026-11-20T12:00:00.000Z','[]','{"provider":"michelin","account":"detroit","order_id":"SO1","reference":"PO-SO1","ordered_on":"2026-11-17","method":"EDI","status":"scheduled","ordered_quantity":8,"shipped_quantity":0,"open_quantity":8,"promised_on":"2026-11-24","lines":[{"line_id":"001","article_id":"A00000","buyer_article_id":null,"ean":"3528700000000","description":"225/45R17 94W XL PILOT SPORT","status":"scheduled","requested_on":"2026-11-18","promised_on":"2026-11-24","ordered":4,"confirmed":null,"backordered":null,"cancelled":null,"scheduled":4,"open":null,"shipped":null,"schedule":[{"delivery_on":"2026-11-24","ordered":4,"confirmed":null,"backordered":null,"cancelled":null,"scheduled":4,"open":null,"shipped":null}],"despatches":[]},{"line_id":"002","article_id":"A00001","buyer_article_id":null,"ean":"3528700000000","description":"225/45R17 94W XL PILOT SPORT","status":"scheduled","requested_on":"2026-11-18","promised_on":"2026-11-24","ordered":4,"confirmed":null,"backordered":null,"cancelled":null,"scheduled":4,"open":null,"shipped":null,"schedule":[{"delivery_on":"2026-11-24","ordered":4,"confirmed":null,"backordered":null,"cancelled":null,"scheduled":4,"open":null,"shipped":null}],"despatches":[]}]}');
INSERT INTO order_events VALUES(2,'michelin.detroit.SO2.1','michelin','detroit','SO2',1,'orderbeat.order.created.v1','PO-SO2','scheduled',NULL,'01M7WD7TG0ST4MRNP1MN9NW7MF','01M7WD7TG0ST4MRNP1MN9NW7MF-00001','2026-11-20T12:00:00.000Z','[]','{"provider":"michelin","account":"detroit","order_id":"SO2","reference":"PO-SO2","ordered_on":"2026-11-17","method":"EDI","status":"scheduled","ordered_quantity":8,"shipped_quantity":0,"open_quantity":8,"promised_on":"2026-11-24","lines":[{"line_id":"001","article_id":"A00000","buyer_article_id":null,"ean":"3528700000000","description":"225/45R17 94W XL PILOT SPORT","status":"scheduled","requested_on":"2026-11-18","promised_on":"2026-11-24","ordered":4,"confirmed":null,"backordered":null,"cancelled":null,"scheduled":4,"open":null,"shipped":null,"schedule":[{"delivery_on":"2026-11-24","ordered":4,"confirmed":null,"backordered":null,"cancelled":null,"scheduled":4,"open":null,"shipped":null}],"despatches":[]},{"line_id":"002","article_id":"A00001","buyer_article_id":null,"ean":"3528700000000","description":"225/45R17 94W XL PILOT SPORT","status":"scheduled","requested_on":"2026-11-18","promised_on":"2026-11-24","ordered":4,"confirmed":null,"backordered":null,"cancelled":null,"scheduled":4,"open":null,"shipped":null,"schedule":[{"delivery_on":"2026-11-24","ordered":4,"confirmed":null,"backordered":null,"cancelled":null,"scheduled":4,"open":null,"shipped":null}],"despatches":[]}]}');
INSERT INTO order_events VALUES(3,'michelin.detroit.SO1.2','michelin','detroit','SO1',2,'orderbeat.order.changed.v1','PO-SO1','partially_shipped','scheduled','01M7WD7TG0ST4MRNP1MRXV8H5D','01M7WD7TG0ST4MRNP1MRXV8H5D-00001','2026-11-20T13:00:00.000Z','[{"path":"status","before":"scheduled","after":"partially_shipped"},{"path":"shipped_quantity","before":0,"after":4},{"path":"open_quantity","before":8,"after":4},{"path":"lines/001/status","before":"scheduled","after":"shipped"},{"path":"lines/001/scheduled","before":4,"after":null},{"path":"lines/001/shipped","before":null,"after":4},{"path":"lines/001/schedule","before":[{"delivery_on":"2026-11-24","ordered":4,"confirmed":null,"backordered":null,"cancelled":null,"scheduled":4,"open":null,"shipped":null}],"after":[{"delivery_on":"2026-11-24","ordered":4,"confirmed":null,"backordered":null,"cancelled":null,"scheduled":null,"open":null,"shipped":4}]},{"path":"lines/001/despatches","before":[],"after":[{"despatched_on":"2026-11-21","advice_id":"BOL1","quantity":4}]}]','{"provider":"michelin","account":"detroit","order_id":"SO1","reference":"PO-SO1","ordered_on":"2026-11-17","method":"EDI","status":"partially_shipped","ordered_quantity":8,"shipped_quantity":4,"open_quantity":4,"promised_on":"2026-11-24","lines":[{"line_id":"001","article_id":"A00000","buyer_article_id":null,"ean":"3528700000000","description":"225/45R17 94W XL PILOT SPORT","status":"shipped","requested_on":"2026-11-18","promised_on":"2026-11-24","ordered":4,"confirmed":null,"backordered":null,"cancelled":null,"scheduled":null,"open":null,"shipped":4,"schedule":[{"delivery_on":"2026-11-24","ordered":4,"confirmed":null,"backordered":null,"cancelled":null,"scheduled":null,"open":null,"shipped":4}],"despatches":[{"despatched_on":"2026-11-21","advice_id":"BOL1","quantity":4}]},{"line_id":"002","article_id":"A00001","buyer_article_id":null,"ean":"3528700000000","description":"225/45R17 94W XL PILOT SPORT","status":"scheduled","requested_on":"2026-11-18","promised_on":"2026-11-24","ordered":4,"confirmed":null,"backordered":null,"cancelled":null,"scheduled":4,"open":null,"shipped":null,"schedule":[{"delivery_on":"2026-11-24","ordered":4,"confirmed":null,"backordered":null,"cancelled":null,"scheduled":4,"open":null,"shipped":null}],"despatches":[]}]}');
INSERT INTO order_events VALUES(4,'michelin.detroit.SO1.3','michelin','detroit','SO1',3,'orderbeat.order.despatched.v1','PO-SO1','partially_shipped','partially_shipped','01M7WD7TG0ST4MRNP1N07WV2JX','01M7WD7TG0ST4MRNP1N07WV2JX-00001','2026-11-20T15:00:00.000Z','[{"path":"despatch_advices/BOL1","before":null,"after":{"provider":"michelin","account":"detroit","advice_id":"BOL1","bill_of_lading":"BOL1","issued_on":"2026-11-21","despatched_on":"2026-11-21","expected_on":"2026-11-24","carrier":"SMPA","tracking":["SAMPLE1","SAMPLE2"],"ship_to":"1234567","quantity":4,"lines":[{"line_id":"1","order_id":"SO1","order_line_id":"001","reference":null,"article_id":"A00000","buyer_article_id":null,"ean":null,"quantity":4}]}}]','{"provider":"michelin","account":"detroit","order_id":"SO1","reference":"PO-SO1","ordered_on":"2026-11-17","method":"EDI","status":"partially_shipped","ordered_quantity":8,"shipped_quantity":4,"open_quantity":4,"promised_on":"2026-11-24","lines":[{"line_id":"001","article_id":"A00000","buyer_article_id":null,"ean":"3528700000000","description":"225/45R17 94W XL PILOT SPORT","status":"shipped","requested_on":"2026-11-18","promised_on":"2026-11-24","ordered":4,"confirmed":null,"backordered":null,"cancelled":null,"scheduled":null,"open":null,"shipped":4,"schedule":[{"delivery_on":"2026-11-24","ordered":4,"confirmed":null,"backordered":null,"cancelled":null,"scheduled":null,"open":null,"shipped":4}],"despatches":[{"despatched_on":"2026-11-21","advice_id":"BOL1","quantity":4}]},{"line_id":"002","article_id":"A00001","buyer_article_id":null,"ean":"3528700000000","description":"225/45R17 94W XL PILOT SPORT","status":"scheduled","requested_on":"2026-11-18","promised_on":"2026-11-24","ordered":4,"confirmed":null,"backordered":null,"cancelled":null,"scheduled":4,"open":null,"shipped":null,"schedule":[{"delivery_on":"2026-11-24","ordered":4,"confirmed":null,"backordered":null,"cancelled":null,"scheduled":4,"open":null,"shipped":null}],"despatches":[]}]}');
INSERT INTO order_events VALUES(5,'michelin.detroit.SO1.4','michelin','detroit','SO1',4,'orderbeat.order.invoiced.v1','PO-SO1','partially_shipped','partially_shipped','01M7WD7TG0ST4MRNP1N1SH4GKK','01M7WD7TG0ST4MRNP1N1SH4GKK-00001','2026-11-20T15:00:00.000Z','[{"path":"invoices/I1","before":null,"after":{"provider":"michelin","account":"detroit","number":"I1","type":"commercial","invoiced_on":"2026-11-22","due_on":"2026-12-22","currency":"USD","total_amount":"652.80","ship_to":"1234567","lines":[{"line_id":"1","order_id":"SO1","order_line_id":"001","reference":"PO-SO1","bill_of_lading":"BOL1","article_id":"A00000","buyer_article_id":null,"ean":null,"quantity":4,"unit_price":"163.20","net_amount":"652.80","total_amount":"652.80"},{"line_id":"2","order_id":"SO9","order_line_id":"001","reference":"PO-SO9","bill_of_lading":"BOL1","article_id":"A00000","buyer_article_id":null,"ean":null,"quantity":4,"unit_price":"163.20","net_amount":"652.80","total_amount":"652.80"}]}}]','{"provider":"michelin","account":"detroit","order_id":"SO1","reference":"PO-SO1","ordered_on":"2026-11-17","method":"EDI","status":"partially_shipped","ordered_quantity":8,"shipped_quantity":4,"open_quantity":4,"promised_on":"2026-11-24","lines":[{"line_id":"001","article_id":"A00000","buyer_article_id":null,"ean":"3528700000000","description":"225/45R17 94W XL PILOT SPORT","status":"shipped","requested_on":"2026-11-18","promised_on":"2026-11-24","ordered":4,"confirmed":null,"backordered":null,"cancelled":null,"scheduled":null,"open":null,"shipped":4,"schedule":[{"delivery_on":"2026-11-24","ordered":4,"confirmed":null,"backordered":null,"cancelled":null,"scheduled":null,"open":null,"shipped":4}],"despatches":[{"despatched_on":"2026-11-21","advice_id":"BOL1","quantity":4}]},{"line_id":"002","article_id":"A00001","buyer_article_id":null,"ean":"3528700000000","description":"225/45R17 94W XL PILOT SPORT","status":"scheduled","requested_on":"2026-11-18","promised_on":"2026-11-24","ordered":4,"confirmed":null,"backordered":null,"cancelled":null,"scheduled":4,"open":null,"shipped":null,"schedule":[{"delivery_on":"2026-11-24","ordered":4,"confirmed":null,"backordered":null,"cancelled":null,"scheduled":4,"open":null,"shipped":null}],"despatches":[]}]}');
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
, reopened INTEGER NOT NULL DEFAULT 0, lane INTEGER, paused_at TEXT, note TEXT, asks BLOB) STRICT;
INSERT INTO runs VALUES('01M7WD7TG0ST4MRNP1MN9NW7MF','michelin','sync','succeeded','nats',NULL,NULL,1,1,0,0,0,0,2,2,0,0,'[]','2026-11-20T12:00:00.000Z','2026-11-20T12:00:00.000Z','2026-11-20T12:00:02.000Z',NULL,NULL,'00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',0,NULL,NULL,NULL,NULL);
INSERT INTO runs VALUES('01M7WD7TG0ST4MRNP1MRXV8H5D','michelin','sync','succeeded','nats',NULL,NULL,1,1,0,0,0,0,1,0,1,0,'[]','2026-11-20T12:00:00.000Z','2026-11-20T13:00:00.000Z','2026-11-20T13:00:02.000Z',NULL,NULL,'00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',0,NULL,NULL,NULL,NULL);
INSERT INTO runs VALUES('01M7WD7TG0ST4MRNP1MTA4WGKE','michelin','sync','running','nats',NULL,NULL,2,0,0,1,0,0,0,0,0,0,'[]','2026-11-20T12:00:00.000Z','2026-11-20T14:00:00.000Z',NULL,NULL,NULL,'00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',0,NULL,NULL,NULL,NULL);
INSERT INTO runs VALUES('01M7WD7TG0ST4MRNP1MVV0S0G9','mazda','sync','failed','nats',NULL,NULL,1,0,0,1,0,0,0,0,0,0,'[{"account":"a","code":"consent_required","message":"user johndoe must grant access","hint":"open the link"}]','2026-11-20T12:00:00.000Z','2026-11-20T14:00:00.000Z','2026-11-20T14:00:02.000Z',NULL,NULL,'00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',0,NULL,NULL,NULL,NULL);
INSERT INTO runs VALUES('01M7WD7TG0ST4MRNP1MW8F6JK3','michelin','sync','failed','nats',NULL,NULL,1,0,0,1,0,0,0,0,0,0,'[{"account":"detroit","code":"bad_response","message":"it is not JSON"}]','2026-11-20T12:00:00.000Z','2026-11-20T12:00:00.000Z','2026-11-20T12:00:02.000Z',NULL,NULL,'00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',0,NULL,NULL,NULL,NULL);
INSERT INTO runs VALUES('01M7WD7TG0ST4MRNP1N07WV2JX','michelin','despatch','succeeded','nats',NULL,NULL,1,1,0,0,0,0,1,0,1,0,'[]','2026-11-20T12:00:00.000Z','2026-11-20T15:00:00.000Z','2026-11-20T15:00:02.000Z',NULL,NULL,'00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',0,NULL,NULL,NULL,NULL);
INSERT INTO runs VALUES('01M7WD7TG0ST4MRNP1N1SH4GKK','michelin','invoice','succeeded','nats',NULL,NULL,1,1,0,0,0,0,1,0,1,0,'[]','2026-11-20T12:00:00.000Z','2026-11-20T15:00:00.000Z','2026-11-20T15:00:02.000Z',NULL,NULL,'00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',0,NULL,NULL,NULL,NULL);
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
, tried INTEGER NOT NULL DEFAULT 0, retried_at TEXT, turn TEXT CHECK (turn IN ('held', 'behind', 'out')), turn_at TEXT) STRICT;
INSERT INTO jobs VALUES('01M7WD7TG0ST4MRNP1MN9NW7MF-00001','01M7WD7TG0ST4MRNP1MN9NW7MF','michelin','detroit','sync','{"from":"2026-11-06","to":"2026-11-20"}','succeeded',1,0,NULL,NULL,NULL,NULL,'2026-11-20T12:00:00.000Z','2026-11-20T12:00:00.000Z','2026-11-20T12:00:00.000Z','2026-11-20T12:00:02.000Z',2,2,0,0,0,NULL,NULL,NULL);
INSERT INTO jobs VALUES('01M7WD7TG0ST4MRNP1MRXV8H5D-00001','01M7WD7TG0ST4MRNP1MRXV8H5D','michelin','detroit','sync','{"from":"2026-11-06","to":"2026-11-20"}','succeeded',1,0,NULL,NULL,NULL,NULL,'2026-11-20T12:00:00.000Z','2026-11-20T12:00:00.000Z','2026-11-20T13:00:00.000Z','2026-11-20T13:00:02.000Z',1,0,1,0,0,NULL,NULL,NULL);
INSERT INTO jobs VALUES('01M7WD7TG0ST4MRNP1MTA4WGKE-00001','01M7WD7TG0ST4MRNP1MTA4WGKE','michelin','toledo','sync','{"from":"2026-11-06","to":"2026-11-20"}','failed',1,0,NULL,'forbidden','not yours','check bill_to','2026-11-20T12:00:00.000Z','2026-11-20T12:00:00.000Z','2026-11-20T14:00:00.000Z','2026-11-20T14:00:02.000Z',0,0,0,0,0,NULL,NULL,NULL);
INSERT INTO jobs VALUES('01M7WD7TG0ST4MRNP1MTA4WGKE-00002','01M7WD7TG0ST4MRNP1MTA4WGKE','michelin','detroit','sync','{"from":"2026-11-06","to":"2026-11-20"}','waiting',1,0,'2026-11-20T14:01:02.000Z','unavailable','the server is in maintenance','nothing to do','2026-11-20T12:00:00.000Z','2026-11-20T12:00:00.000Z','2026-11-20T14:00:00.000Z','2026-11-20T14:00:02.000Z',0,0,0,0,0,NULL,NULL,NULL);
INSERT INTO jobs VALUES('01M7WD7TG0ST4MRNP1MVV0S0G9-00001','01M7WD7TG0ST4MRNP1MVV0S0G9','mazda','a','sync','{"from":"2026-11-06","to":"2026-11-20"}','failed',1,0,NULL,'consent_required','user johndoe must grant access','open the link','2026-11-20T12:00:00.000Z','2026-11-20T12:00:00.000Z','2026-11-20T14:00:00.000Z','2026-11-20T14:00:02.000Z',0,0,0,0,0,NULL,NULL,NULL);
INSERT INTO jobs VALUES('01M7WD7TG0ST4MRNP1MW8F6JK3-00001','01M7WD7TG0ST4MRNP1MW8F6JK3','michelin','detroit','sync','{"from":"2026-11-06","to":"2026-11-20"}','failed',1,0,NULL,'bad_response','it is not JSON',NULL,'2026-11-20T12:00:00.000Z','2026-11-20T12:00:00.000Z','2026-11-20T12:00:00.000Z','2026-11-20T12:00:02.000Z',0,0,0,0,0,NULL,NULL,NULL);
INSERT INTO jobs VALUES('01M7WD7TG0ST4MRNP1N07WV2JX-00001','01M7WD7TG0ST4MRNP1N07WV2JX','michelin','detroit','despatch','{"from":"2026-11-06","to":"2026-11-20"}','succeeded',1,0,NULL,NULL,NULL,NULL,'2026-11-20T12:00:00.000Z','2026-11-20T12:00:00.000Z','2026-11-20T15:00:00.000Z','2026-11-20T15:00:02.000Z',1,0,1,0,0,NULL,NULL,NULL);
INSERT INTO jobs VALUES('01M7WD7TG0ST4MRNP1N1SH4GKK-00001','01M7WD7TG0ST4MRNP1N1SH4GKK','michelin','detroit','invoice','{"from":"2026-11-06","to":"2026-11-20"}','succeeded',1,0,NULL,NULL,NULL,NULL,'2026-11-20T12:00:00.000Z','2026-11-20T12:00:00.000Z','2026-11-20T15:00:00.000Z','2026-11-20T15:00:02.000Z',1,0,1,0,0,NULL,NULL,NULL);
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
INSERT INTO outbox VALUES(5,NULL,'jobs','jobs.michelin.detroit.sync','01M7WD7TG0ST4MRNP1MRXV8H5D-00001.1','orderbeat.job.planned.v1','01M7WD7TG0ST4MRNP1MRXV8H5D-00001','/orderbeat/michelin','2026-11-20T12:00:00.000Z','00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',NULL,NULL,'{"job_id":"01M7WD7TG0ST4MRNP1MRXV8H5D-00001","run_id":"01M7WD7TG0ST4MRNP1MRXV8H5D","provider":"michelin","account":"detroit","kind":"sync","from":"2026-11-06","to":"2026-11-20","attempt":1,"first_at":"2026-11-20T12:00:00Z"}');
INSERT INTO outbox VALUES(6,NULL,'orders','orders.michelin.detroit.SO1','michelin.detroit.SO1.2','orderbeat.order.changed.v1','detroit/SO1','/orderbeat/michelin','2026-11-20T13:00:00.000Z','00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',NULL,3,NULL);
INSERT INTO outbox VALUES(7,NULL,'results','results.michelin.01M7WD7TG0ST4MRNP1MRXV8H5D','01M7WD7TG0ST4MRNP1MRXV8H5D.result','orderbeat.run.finished.v1','01M7WD7TG0ST4MRNP1MRXV8H5D','/orderbeat/michelin','2026-11-20T13:00:02.000Z','00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',NULL,NULL,'{"run_id":"01M7WD7TG0ST4MRNP1MRXV8H5D","provider":"michelin","kind":"sync","state":"succeeded","trigger":"nats","jobs":{"total":1,"succeeded":1,"partial":0,"failed":0,"dead":0,"cancelled":0},"orders":{"seen":1,"created":0,"changed":1,"unchanged":0},"errors":[],"requested_at":"2026-11-20T12:00:00Z","started_at":"2026-11-20T13:00:00Z","finished_at":"2026-11-20T13:00:02Z"}');
INSERT INTO outbox VALUES(8,NULL,'jobs','jobs.michelin.toledo.sync','01M7WD7TG0ST4MRNP1MTA4WGKE-00001.1','orderbeat.job.planned.v1','01M7WD7TG0ST4MRNP1MTA4WGKE-00001','/orderbeat/michelin','2026-11-20T12:00:00.000Z','00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',NULL,NULL,'{"job_id":"01M7WD7TG0ST4MRNP1MTA4WGKE-00001","run_id":"01M7WD7TG0ST4MRNP1MTA4WGKE","provider":"michelin","account":"toledo","kind":"sync","from":"2026-11-06","to":"2026-11-20","attempt":1,"first_at":"2026-11-20T12:00:00Z"}');
INSERT INTO outbox VALUES(9,NULL,'jobs','jobs.michelin.detroit.sync','01M7WD7TG0ST4MRNP1MTA4WGKE-00002.1','orderbeat.job.planned.v1','01M7WD7TG0ST4MRNP1MTA4WGKE-00002','/orderbeat/michelin','2026-11-20T12:00:00.000Z','00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',NULL,NULL,'{"job_id":"01M7WD7TG0ST4MRNP1MTA4WGKE-00002","run_id":"01M7WD7TG0ST4MRNP1MTA4WGKE","provider":"michelin","account":"detroit","kind":"sync","from":"2026-11-06","to":"2026-11-20","attempt":1,"first_at":"2026-11-20T12:00:00Z"}');
INSERT INTO outbox VALUES(10,NULL,'alerts','alerts.michelin.forbidden','michelin.forbidden.1.raised','orderbeat.alert.raised.v1','michelin.forbidden.1','/orderbeat/michelin','2026-11-20T14:00:02.000Z','00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',NULL,NULL,'{"code":"forbidden","state":"raised","provider":"michelin","account":"toledo","message":"not yours","hint":"check bill_to","since":"2026-11-20T14:00:02Z","run_id":"01M7WD7TG0ST4MRNP1MTA4WGKE","job_id":"01M7WD7TG0ST4MRNP1MTA4WGKE-00001"}');
INSERT INTO outbox VALUES(11,'2026-11-20T14:01:02.000Z','jobs','jobs.michelin.detroit.sync','01M7WD7TG0ST4MRNP1MTA4WGKE-00002.2','orderbeat.job.planned.v1','01M7WD7TG0ST4MRNP1MTA4WGKE-00002','/orderbeat/michelin','2026-11-20T14:00:02.000Z','00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',NULL,NULL,'{"job_id":"01M7WD7TG0ST4MRNP1MTA4WGKE-00002","run_id":"01M7WD7TG0ST4MRNP1MTA4WGKE","provider":"michelin","account":"detroit","kind":"sync","from":"2026-11-06","to":"2026-11-20","attempt":2,"first_at":"2026-11-20T12:00:00Z"}');
INSERT INTO outbox VALUES(12,NULL,'jobs','jobs.mazda.a.sync','01M7WD7TG0ST4MRNP1MVV0S0G9-00001.1','orderbeat.job.planned.v1','01M7WD7TG0ST4MRNP1MVV0S0G9-00001','/orderbeat/mazda','2026-11-20T12:00:00.000Z','00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',NULL,NULL,'{"job_id":"01M7WD7TG0ST4MRNP1MVV0S0G9-00001","run_id":"01M7WD7TG0ST4MRNP1MVV0S0G9","provider":"mazda","account":"a","kind":"sync","from":"2026-11-06","to":"2026-11-20","attempt":1,"first_at":"2026-11-20T12:00:00Z"}');
INSERT INTO outbox VALUES(13,NULL,'results','results.mazda.01M7WD7TG0ST4MRNP1MVV0S0G9','01M7WD7TG0ST4MRNP1MVV0S0G9.result','orderbeat.run.finished.v1','01M7WD7TG0ST4MRNP1MVV0S0G9','/orderbeat/mazda','2026-11-20T14:00:02.000Z','00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',NULL,NULL,'{"run_id":"01M7WD7TG0ST4MRNP1MVV0S0G9","provider":"mazda","kind":"sync","state":"failed","trigger":"nats","jobs":{"total":1,"succeeded":0,"partial":0,"failed":1,"dead":0,"cancelled":0},"orders":{"seen":0,"created":0,"changed":0,"unchanged":0},"errors":[{"account":"a","code":"consent_required","message":"user johndoe must grant access","hint":"open the link"}],"requested_at":"2026-11-20T12:00:00Z","started_at":"2026-11-20T14:00:00Z","finished_at":"2026-11-20T14:00:02Z"}');
INSERT INTO outbox VALUES(14,NULL,'runs','runs.michelin.sync','recent@2026-11-20T12:00:00Z','orderbeat.run.requested.v1','recent@2026-11-20T12:00:00Z','/orderbeat/michelin','2026-11-20T12:00:00.000Z',NULL,NULL,NULL,'{}');
INSERT INTO outbox VALUES(15,NULL,'alerts','alerts.mazda.consent_required','mazda.consent_required.2.raised','orderbeat.alert.raised.v1','mazda.consent_required.2','/orderbeat/mazda','2026-11-20T12:00:00.000Z',NULL,NULL,NULL,'{"code":"consent_required","state":"raised","provider":"mazda","user":"johndoe","message":"user johndoe must grant access","hint":"open the link","link":"http://127.0.0.1:8321/oauth/start/mazda?user=johndoe","since":"2026-11-20T12:00:00Z"}');
INSERT INTO outbox VALUES(16,NULL,'alerts','alerts.mazda.consent_required','mazda.consent_required.3.raised','orderbeat.alert.raised.v1','mazda.consent_required.3','/orderbeat/mazda','2026-11-20T12:00:00.000Z',NULL,NULL,NULL,'{"code":"consent_required","state":"raised","provider":"mazda","user":"jane","message":"user jane must grant access","hint":"open the link","link":"http://127.0.0.1:8321/oauth/start/mazda?user=jane","since":"2026-11-20T12:00:00Z"}');
INSERT INTO outbox VALUES(17,NULL,'alerts','alerts.mazda.consent_required','mazda.consent_required.3.resolved','orderbeat.alert.resolved.v1','mazda.consent_required.3','/orderbeat/mazda','2026-11-20T13:00:00.000Z',NULL,NULL,NULL,'{"code":"consent_required","state":"resolved","provider":"mazda","user":"jane","message":"user jane must grant access","hint":"open the link","link":"http://127.0.0.1:8321/oauth/start/mazda?user=jane","since":"2026-11-20T12:00:00Z"}');
INSERT INTO outbox VALUES(18,NULL,'jobs','jobs.michelin.detroit.sync','01M7WD7TG0ST4MRNP1MW8F6JK3-00001.1','orderbeat.job.planned.v1','01M7WD7TG0ST4MRNP1MW8F6JK3-00001','/orderbeat/michelin','2026-11-20T12:00:00.000Z','00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',NULL,NULL,'{"job_id":"01M7WD7TG0ST4MRNP1MW8F6JK3-00001","run_id":"01M7WD7TG0ST4MRNP1MW8F6JK3","provider":"michelin","account":"detroit","kind":"sync","from":"2026-11-06","to":"2026-11-20","attempt":1,"first_at":"2026-11-20T12:00:00Z"}');
INSERT INTO outbox VALUES(19,NULL,'results','results.michelin.01M7WD7TG0ST4MRNP1MW8F6JK3','01M7WD7TG0ST4MRNP1MW8F6JK3.result','orderbeat.run.finished.v1','01M7WD7TG0ST4MRNP1MW8F6JK3','/orderbeat/michelin','2026-11-20T12:00:02.000Z','00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',NULL,NULL,'{"run_id":"01M7WD7TG0ST4MRNP1MW8F6JK3","provider":"michelin","kind":"sync","state":"failed","trigger":"nats","jobs":{"total":1,"succeeded":0,"partial":0,"failed":1,"dead":0,"cancelled":0},"orders":{"seen":0,"created":0,"changed":0,"unchanged":0},"errors":[{"account":"detroit","code":"bad_response","message":"it is not JSON"}],"requested_at":"2026-11-20T12:00:00Z","started_at":"2026-11-20T12:00:00Z","finished_at":"2026-11-20T12:00:02Z"}');
INSERT INTO outbox VALUES(20,NULL,'jobs','jobs.michelin.detroit.despatch','01M7WD7TG0ST4MRNP1N07WV2JX-00001.1','orderbeat.job.planned.v1','01M7WD7TG0ST4MRNP1N07WV2JX-00001','/orderbeat/michelin','2026-11-20T12:00:00.000Z','00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',NULL,NULL,'{"job_id":"01M7WD7TG0ST4MRNP1N07WV2JX-00001","run_id":"01M7WD7TG0ST4MRNP1N07WV2JX","provider":"michelin","account":"detroit","kind":"despatch","from":"2026-11-06","to":"2026-11-20","attempt":1,"first_at":"2026-11-20T12:00:00Z"}');
INSERT INTO outbox VALUES(21,NULL,'orders','orders.michelin.detroit.SO1','michelin.detroit.SO1.3','orderbeat.order.despatched.v1','detroit/SO1','/orderbeat/michelin','2026-11-20T15:00:00.000Z','00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',NULL,4,NULL);
INSERT INTO outbox VALUES(22,NULL,'results','results.michelin.01M7WD7TG0ST4MRNP1N07WV2JX','01M7WD7TG0ST4MRNP1N07WV2JX.result','orderbeat.run.finished.v1','01M7WD7TG0ST4MRNP1N07WV2JX','/orderbeat/michelin','2026-11-20T15:00:02.000Z','00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',NULL,NULL,'{"run_id":"01M7WD7TG0ST4MRNP1N07WV2JX","provider":"michelin","kind":"despatch","state":"succeeded","trigger":"nats","jobs":{"total":1,"succeeded":1,"partial":0,"failed":0,"dead":0,"cancelled":0},"orders":{"seen":1,"created":0,"changed":1,"unchanged":0},"errors":[],"requested_at":"2026-11-20T12:00:00Z","started_at":"2026-11-20T15:00:00Z","finished_at":"2026-11-20T15:00:02Z"}');
INSERT INTO outbox VALUES(23,NULL,'jobs','jobs.michelin.detroit.invoice','01M7WD7TG0ST4MRNP1N1SH4GKK-00001.1','orderbeat.job.planned.v1','01M7WD7TG0ST4MRNP1N1SH4GKK-00001','/orderbeat/michelin','2026-11-20T12:00:00.000Z','00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',NULL,NULL,'{"job_id":"01M7WD7TG0ST4MRNP1N1SH4GKK-00001","run_id":"01M7WD7TG0ST4MRNP1N1SH4GKK","provider":"michelin","account":"detroit","kind":"invoice","from":"2026-11-06","to":"2026-11-20","attempt":1,"first_at":"2026-11-20T12:00:00Z"}');
INSERT INTO outbox VALUES(24,NULL,'orders','orders.michelin.detroit.SO1','michelin.detroit.SO1.4','orderbeat.order.invoiced.v1','detroit/SO1','/orderbeat/michelin','2026-11-20T15:00:00.000Z','00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',NULL,5,NULL);
INSERT INTO outbox VALUES(25,NULL,'results','results.michelin.01M7WD7TG0ST4MRNP1N1SH4GKK','01M7WD7TG0ST4MRNP1N1SH4GKK.result','orderbeat.run.finished.v1','01M7WD7TG0ST4MRNP1N1SH4GKK','/orderbeat/michelin','2026-11-20T15:00:02.000Z','00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',NULL,NULL,'{"run_id":"01M7WD7TG0ST4MRNP1N1SH4GKK","provider":"michelin","kind":"invoice","state":"succeeded","trigger":"nats","jobs":{"total":1,"succeeded":1,"partial":0,"failed":0,"dead":0,"cancelled":0},"orders":{"seen":1,"created":0,"changed":1,"unchanged":0},"errors":[],"requested_at":"2026-11-20T12:00:00Z","started_at":"2026-11-20T15:00:00Z","finished_at":"2026-11-20T15:00:02Z"}');
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
INSERT INTO credentials VALUES('mazda/test/johndoe','mazda','test','johndoe','valid',1,'sealed','2026-11-20T12:00:00.000Z','2026-11-20T12:50:00.000Z','2026-11-20T13:00:00.000Z','server','2026-11-20T11:00:00.000Z',NULL,'fingerprint of johndoe',NULL,NULL,NULL,0,0,0,NULL,NULL,NULL,NULL,NULL,NULL,3,0,0,'2026-11-26T13:03:29.631Z');
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
, accounts TEXT) STRICT;
INSERT INTO alerts VALUES(1,'michelin','toledo','','forbidden','raised','not yours','check bill_to',NULL,'2026-11-20T14:00:02.000Z',NULL,'01M7WD7TG0ST4MRNP1MTA4WGKE','01M7WD7TG0ST4MRNP1MTA4WGKE-00001',NULL);
INSERT INTO alerts VALUES(2,'mazda','','johndoe','consent_required','raised','user johndoe must grant access','open the link','http://127.0.0.1:8321/oauth/start/mazda?user=johndoe','2026-11-20T12:00:00.000Z',NULL,NULL,NULL,NULL);
INSERT INTO alerts VALUES(3,'mazda','','jane','consent_required','resolved','user jane must grant access','open the link','http://127.0.0.1:8321/oauth/start/mazda?user=jane','2026-11-20T12:00:00.000Z','2026-11-20T13:00:00.000Z',NULL,NULL,'["b"]');
CREATE TABLE exchanges (
  exchange_id      INTEGER PRIMARY KEY,
  run_id           TEXT,
  job_id           TEXT REFERENCES jobs (job_id) ON DELETE CASCADE,
  provider         TEXT NOT NULL,
  account          TEXT,
  op               TEXT NOT NULL,
  method           TEXT NOT NULL,
  url              TEXT NOT NULL,
  status           INTEGER,
  started_at       TEXT NOT NULL,
  duration_ms      INTEGER NOT NULL,
  request_headers  TEXT,
  request_body     TEXT,
  response_headers TEXT,
  response_body    TEXT,
  response_bytes   INTEGER NOT NULL,
  truncated        INTEGER NOT NULL CHECK (truncated IN (0, 1)),
  error_code       TEXT,
  error            TEXT
, attempt INTEGER, kept TEXT CHECK (kept IN ('full', 'metadata')), upto INTEGER NOT NULL DEFAULT 0, response_gzip BLOB) STRICT;
INSERT INTO exchanges VALUES(1,'01M7WD7TG0ST4MRNP1MW8F6JK3','01M7WD7TG0ST4MRNP1MW8F6JK3-00001','michelin','detroit','','GET','/',NULL,'2026-11-20T12:00:00.000Z',0,NULL,NULL,NULL,NULL,0,0,'bad_response','it is not JSON',NULL,NULL,200,NULL);
CREATE TABLE despatch_advices (
  provider        TEXT NOT NULL,
  account         TEXT NOT NULL,
  advice_id       TEXT NOT NULL,
  bill_of_lading  TEXT,
  issued_on       TEXT,
  despatched_on   TEXT,
  expected_on     TEXT,
  carrier         TEXT,
  tracking        TEXT,
  ship_to         TEXT,
  quantity        INTEGER,
  first_seen_at   TEXT NOT NULL,
  last_changed_at TEXT NOT NULL,
  fingerprint     BLOB NOT NULL,
  document        TEXT NOT NULL,
  PRIMARY KEY (provider, account, advice_id)
) STRICT;
INSERT INTO despatch_advices VALUES('michelin','detroit','BOL1','BOL1','2026-11-21','2026-11-21','2026-11-24','SMPA','SAMPLE1, SAMPLE2','1234567',4,'2026-11-20T15:00:00.000Z','2026-11-20T15:00:00.000Z',X'12fb9beee7b9d6152a3fe97254ad8afc','{"provider":"michelin","account":"detroit","advice_id":"BOL1","bill_of_lading":"BOL1","issued_on":"2026-11-21","despatched_on":"2026-11-21","expected_on":"2026-11-24","carrier":"SMPA","tracking":["SAMPLE1","SAMPLE2"],"ship_to":"1234567","quantity":4,"lines":[{"line_id":"1","order_id":"SO1","order_line_id":"001","reference":null,"article_id":"A00000","buyer_article_id":null,"ean":null,"quantity":4}]}');
CREATE TABLE despatch_advice_lines (
  provider         TEXT NOT NULL,
  account          TEXT NOT NULL,
  advice_id        TEXT NOT NULL,
  seq              INTEGER NOT NULL,
  line_id          TEXT,
  order_id         TEXT,
  order_line_id    TEXT,
  reference        TEXT,
  article_id       TEXT,
  buyer_article_id TEXT,
  ean              TEXT,
  quantity         INTEGER,
  PRIMARY KEY (provider, account, advice_id, seq)
) STRICT, WITHOUT ROWID;
INSERT INTO despatch_advice_lines VALUES('michelin','detroit','BOL1',1,'1','SO1','001',NULL,'A00000',NULL,NULL,4);
CREATE TABLE invoices (
  provider        TEXT NOT NULL,
  account         TEXT NOT NULL,
  number          TEXT NOT NULL,
  type            TEXT NOT NULL,
  invoiced_on     TEXT,
  due_on          TEXT,
  currency        TEXT,
  total_amount    TEXT,
  ship_to         TEXT,
  first_seen_at   TEXT NOT NULL,
  last_changed_at TEXT NOT NULL,
  fingerprint     BLOB NOT NULL,
  document        TEXT NOT NULL,
  PRIMARY KEY (provider, account, number)
) STRICT;
INSERT INTO invoices VALUES('michelin','detroit','I1','commercial','2026-11-22','2026-12-22','USD','652.80','1234567','2026-11-20T15:00:00.000Z','2026-11-20T15:00:00.000Z',X'd69df420e604678f20e60e41614b0b85','{"provider":"michelin","account":"detroit","number":"I1","type":"commercial","invoiced_on":"2026-11-22","due_on":"2026-12-22","currency":"USD","total_amount":"652.80","ship_to":"1234567","lines":[{"line_id":"1","order_id":"SO1","order_line_id":"001","reference":"PO-SO1","bill_of_lading":"BOL1","article_id":"A00000","buyer_article_id":null,"ean":null,"quantity":4,"unit_price":"163.20","net_amount":"652.80","total_amount":"652.80"},{"line_id":"2","order_id":"SO9","order_line_id":"001","reference":"PO-SO9","bill_of_lading":"BOL1","article_id":"A00000","buyer_article_id":null,"ean":null,"quantity":4,"unit_price":"163.20","net_amount":"652.80","total_amount":"652.80"}]}');
CREATE TABLE invoice_lines (
  provider         TEXT NOT NULL,
  account          TEXT NOT NULL,
  number           TEXT NOT NULL,
  seq              INTEGER NOT NULL,
  line_id          TEXT,
  order_id         TEXT,
  order_line_id    TEXT,
  reference        TEXT,
  bill_of_lading   TEXT,
  article_id       TEXT,
  buyer_article_id TEXT,
  ean              TEXT,
  quantity         INTEGER,
  unit_price       TEXT,
  net_amount       TEXT,
  total_amount     TEXT,
  PRIMARY KEY (provider, account, number, seq)
) STRICT, WITHOUT ROWID;
INSERT INTO invoice_lines VALUES('michelin','detroit','I1',1,'1','SO1','001','PO-SO1','BOL1','A00000',NULL,NULL,4,'163.20','652.80','652.80');
INSERT INTO invoice_lines VALUES('michelin','detroit','I1',2,'2','SO9','001','PO-SO9','BOL1','A00000',NULL,NULL,4,'163.20','652.80','652.80');
CREATE TABLE order_documents (
  provider    TEXT NOT NULL,
  account     TEXT NOT NULL,
  order_id    TEXT NOT NULL,
  kind        TEXT NOT NULL CHECK (kind IN ('despatch_advice', 'invoice')),
  document_id TEXT NOT NULL,
  revision    INTEGER,
  PRIMARY KEY (provider, account, order_id, kind, document_id)
) STRICT, WITHOUT ROWID;
INSERT INTO order_documents VALUES('michelin','detroit','SO1','despatch_advice','BOL1',3);
INSERT INTO order_documents VALUES('michelin','detroit','SO1','invoice','I1',4);
INSERT INTO order_documents VALUES('michelin','detroit','SO9','invoice','I1',NULL);
CREATE TABLE schedules (
  schedule  TEXT NOT NULL PRIMARY KEY,
  paused_at TEXT NOT NULL,
  note      TEXT
) STRICT, WITHOUT ROWID;
INSERT INTO schedules VALUES('recent','2026-11-20T12:00:00.000Z','the supplier moves house');
CREATE TABLE joined_requests (
  key          TEXT NOT NULL PRIMARY KEY,
  run_id       TEXT NOT NULL REFERENCES runs (run_id) ON DELETE CASCADE,
  reply_to     TEXT,
  requested_at TEXT NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO joined_requests VALUES('another','01M7WD7TG0ST4MRNP1MN9NW7MF','callers.inbox.8','2026-11-20T12:00:00.000Z');
DELETE FROM sqlite_sequence;
INSERT INTO sqlite_sequence VALUES('goose_db_version',10);
INSERT INTO sqlite_sequence VALUES('outbox',25);
INSERT INTO sqlite_sequence VALUES('alerts',3);
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
CREATE INDEX alerts_consents ON alerts (provider, resolved_at)
  WHERE code = 'consent_required' AND state = 'resolved';
CREATE INDEX exchanges_job ON exchanges (job_id);
CREATE INDEX exchanges_provider ON exchanges (provider, exchange_id);
CREATE INDEX despatch_advices_bill ON despatch_advices (provider, account, bill_of_lading)
  WHERE bill_of_lading IS NOT NULL;
CREATE INDEX despatches_advice ON despatches (provider, account, advice_id)
  WHERE advice_id IS NOT NULL;
CREATE INDEX despatch_advice_lines_order ON despatch_advice_lines (provider, account, order_id)
  WHERE order_id IS NOT NULL;
CREATE INDEX invoice_lines_order ON invoice_lines (provider, account, order_id)
  WHERE order_id IS NOT NULL;
CREATE INDEX invoice_lines_bill ON invoice_lines (provider, account, bill_of_lading)
  WHERE bill_of_lading IS NOT NULL;
CREATE INDEX order_documents_of ON order_documents (provider, account, kind, document_id);
CREATE VIEW shipments AS
SELECT d.provider, d.account, d.order_id, o.reference, o.status, a.bill_of_lading, a.carrier, a.tracking,
       a.despatched_on, a.expected_on,
       (SELECT sum(l.quantity) FROM despatch_advice_lines AS l
         WHERE l.provider = a.provider AND l.account = a.account AND l.advice_id = a.advice_id
           AND l.order_id = d.order_id) AS quantity
  FROM order_documents AS d
  JOIN despatch_advices AS a ON a.provider = d.provider AND a.account = d.account AND a.advice_id = d.document_id
  LEFT JOIN orders AS o ON o.provider = d.provider AND o.account = d.account AND o.order_id = d.order_id
 WHERE d.kind = 'despatch_advice'
 ORDER BY a.despatched_on DESC, d.provider, d.account, d.order_id;
CREATE VIEW order_invoices AS
SELECT d.provider, d.account, d.order_id, o.reference, o.status, i.number, i.type, i.invoiced_on, i.due_on,
       i.currency, i.total_amount,
       (SELECT round(sum(CAST(l.net_amount AS REAL)), 2) FROM invoice_lines AS l
         WHERE l.provider = i.provider AND l.account = i.account AND l.number = i.number
           AND l.order_id = d.order_id) AS net_amount
  FROM order_documents AS d
  JOIN invoices AS i ON i.provider = d.provider AND i.account = d.account AND i.number = d.document_id
  LEFT JOIN orders AS o ON o.provider = d.provider AND o.account = d.account AND o.order_id = d.order_id
 WHERE d.kind = 'invoice'
 ORDER BY i.invoiced_on DESC, d.provider, d.account, d.order_id;
CREATE VIEW schedule_report AS
SELECT t.schedule,
       count(*) AS due, sum(t.outcome = 'started') AS started, sum(t.outcome = 'caught_up') AS caught_up,
       sum(t.outcome = 'skipped') AS skipped, sum(t.outcome = 'missed') AS missed,
       max(t.due_at) AS last_due_at,
       (SELECT l.outcome FROM ticks AS l WHERE l.schedule = t.schedule ORDER BY l.due_at DESC LIMIT 1) AS last_outcome,
       (SELECT r.state FROM ticks AS l JOIN runs AS r USING (run_id) WHERE l.schedule = t.schedule ORDER BY l.due_at DESC LIMIT 1) AS last_run,
       p.paused_at, p.note
  FROM ticks AS t LEFT JOIN schedules AS p ON p.schedule = t.schedule
 WHERE t.due_at >= strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '-7 days')
 GROUP BY t.schedule;
CREATE INDEX jobs_turn ON jobs (provider, turn, job_id) WHERE turn IS NOT NULL;
CREATE INDEX runs_asks ON runs (asks) WHERE state = 'queued';
CREATE INDEX joined_requests_run ON joined_requests (run_id);
COMMIT;
