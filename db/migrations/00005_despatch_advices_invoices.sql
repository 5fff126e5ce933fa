-- +goose Up

-- What suppliers tell beside their orders. document is the advice or the invoice as it
-- was last stored, with its lines; the other columns are taken out of it. fingerprint is
-- of everything in it that makes a change. last_changed_at is when it was first, or last
-- otherwise, reported: what is reported again unchanged writes nothing.
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

-- An order's despatches name the bill of lading.
CREATE INDEX despatch_advices_bill ON despatch_advices (provider, account, bill_of_lading)
  WHERE bill_of_lading IS NOT NULL;
CREATE INDEX despatches_advice ON despatches (provider, account, advice_id)
  WHERE advice_id IS NOT NULL;

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

CREATE INDEX despatch_advice_lines_order ON despatch_advice_lines (provider, account, order_id)
  WHERE order_id IS NOT NULL;

-- Amounts are decimal text; CAST(total_amount AS REAL) is good enough for a look.
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

CREATE INDEX invoice_lines_order ON invoice_lines (provider, account, order_id)
  WHERE order_id IS NOT NULL;
CREATE INDEX invoice_lines_bill ON invoice_lines (provider, account, bill_of_lading)
  WHERE bill_of_lading IS NOT NULL;

-- Which documents belong to which order. revision is that of the order whose event told
-- last of the document; it is NULL while the order is not known yet.
CREATE TABLE order_documents (
  provider    TEXT NOT NULL,
  account     TEXT NOT NULL,
  order_id    TEXT NOT NULL,
  kind        TEXT NOT NULL CHECK (kind IN ('despatch_advice', 'invoice')),
  document_id TEXT NOT NULL,
  revision    INTEGER,
  PRIMARY KEY (provider, account, order_id, kind, document_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX order_documents_of ON order_documents (provider, account, kind, document_id);

-- One row for every order on every despatch advice. quantity is what the advice says of
-- this order; NULL where it names none.
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

-- One row for every order on every invoice. net_amount is of this order's lines.
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
