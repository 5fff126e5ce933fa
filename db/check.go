package db

import (
	"context"
	"database/sql"
	"fmt"

	"orderbeat/db/sqlite"
)

// Fault is something in the database that is not as it should be.
type Fault struct {
	// What should not be, and Where it is.
	What  string `json:"what"`
	Where string `json:"where"`
}

// maxFaults bounds how many of one kind are told.
const maxFaults = 20

// Check reads the whole database and tells what is wrong with it: with the file, with
// references, and with what tables say of each other. Each question is answered as of
// one moment, so that a worker may write meanwhile.
func (d *DB) Check(ctx context.Context) ([]Fault, error) {
	faults := []Fault{}
	for _, c := range checks {
		found, err := d.check(ctx, c.what, c.query)
		if ctx.Err() != nil {
			return faults, ctx.Err()
		}
		faults = append(faults, found...)
		if err != nil { // a damaged file can be read in parts
			faults = append(faults, Fault{c.what, err.Error()})
		}
	}
	return faults, nil
}

// check returns a fault for every row of a query, which says where it is.
func (d *DB) check(ctx context.Context, what, query string) (faults []Fault, err error) {
	err = sqlite.Query(ctx, d.bulk, func(rows *sql.Rows) error {
		var where string
		if err := rows.Scan(&where); err != nil {
			return err
		}
		if len(faults) == maxFaults {
			faults = append(faults, Fault{what, fmt.Sprintf("and more than these %d", maxFaults)})
			return sqlite.ErrEnough
		}
		faults = append(faults, Fault{what, where})
		return nil
	}, query)
	return faults, err
}

// checks are what must never be, and the queries that find it.
var checks = []struct{ what, query string }{
	{"the file is damaged", `SELECT integrity_check FROM pragma_integrity_check WHERE integrity_check <> 'ok'`},
	{"a reference leads nowhere", `SELECT "table" || ' row ' || rowid || ', of ' || parent FROM pragma_foreign_key_check`},
	{"an order is not as its document says", ordersUnlikeSQL},
	{"an order's despatches are not as its document says", despatchesUnlikeSQL},
	{"despatches of an order that is not there", despatchesAstraySQL},
	{"the history of an order does not end with its revision", historyEndSQL},
	{"an event of an order that is not there", eventsAstraySQL},
	{"a message is about an event that is not there", outboxAstraySQL},
	{"a despatch advice's lines are not as its document says", adviceLinesUnlikeSQL},
	{"an invoice's lines are not as its document says", invoiceLinesUnlikeSQL},
	{"an order belongs to a document that is not there", documentsAstraySQL},
	{"an order was not told of its document", documentsUntoldSQL},
	{"the event that told of a document is not there", documentsToldSQL},
	{"a run counts other jobs than it has", runsUnlikeSQL},
	{"a run ended before its jobs, or not with them", runsEndSQL},
	{"a job waits to be dispatched by nothing, or after its end", dispatchSQLCheck},
	{"an alert is raised by a job that is not there", alertsAstraySQL},
}

const (
	// A document that is not JSON is NULL here: no query may stumble over it.
	orderDocument = `CASE WHEN json_valid(o.document) THEN o.document END`

	orderName = `o.provider || ' ' || o.account || ' ' || o.order_id`

	ordersUnlikeSQL = `
SELECT ` + orderName + ` FROM (SELECT *, ` + orderDocument + ` AS d FROM orders AS o) AS o
 WHERE d IS NULL OR (provider, account, order_id) IS NOT (d ->> '$.provider', d ->> '$.account', d ->> '$.order_id')
    OR (reference, ordered_on, method, status, promised_on) IS NOT
       (d ->> '$.reference', d ->> '$.ordered_on', d ->> '$.method', d ->> '$.status', d ->> '$.promised_on')
    OR (ordered_quantity, shipped_quantity, open_quantity) IS NOT
       (d ->> '$.ordered_quantity', d ->> '$.shipped_quantity', d ->> '$.open_quantity')
    OR json_type(d, '$.next_promised_on') IS NOT NULL AND next_promised_on IS NOT d ->> '$.next_promised_on'`

	documentLines = `
  FROM orders AS o, json_each(` + orderDocument + `, '$.lines') AS l`

	lineName = orderName + ` || ' line ' || coalesce(l.value ->> '$.line_id', l.key)`

	despatchesUnlikeSQL = `
SELECT ` + lineName + ` || ' number ' || (s.key + 1)` + documentLines + `, json_each(l.value, '$.despatches') AS s
  LEFT JOIN despatches AS r ON r.provider = o.provider AND r.account = o.account AND r.order_id = o.order_id
                           AND r.line_id = l.value ->> '$.line_id' AND r.seq = s.key + 1
 WHERE r.seq IS NULL
    OR (r.despatched_on, r.advice_id, r.quantity) IS NOT (s.value ->> '$.despatched_on', s.value ->> '$.advice_id', s.value ->> '$.quantity')
 UNION ALL
SELECT ` + lineName + ` || ': ' || count(r.seq) || ' rows'` + documentLines + `
  JOIN despatches AS r ON r.provider = o.provider AND r.account = o.account AND r.order_id = o.order_id AND r.line_id = l.value ->> '$.line_id'
 GROUP BY o.provider, o.account, o.order_id, l.key HAVING count(r.seq) > coalesce(json_array_length(l.value, '$.despatches'), 0)`

	despatchesAstraySQL = `
SELECT DISTINCT provider || ' ' || account || ' ' || order_id FROM despatches AS d
 WHERE NOT EXISTS (SELECT 1 FROM orders AS o WHERE o.provider = d.provider AND o.account = d.account AND o.order_id = d.order_id)`
)

const (
	historyEndSQL = `
SELECT ` + orderName + ` || ' revision ' || o.revision FROM orders AS o
 WHERE o.revision IS NOT (SELECT max(e.revision) FROM order_events AS e
                           WHERE e.provider = o.provider AND e.account = o.account AND e.order_id = o.order_id)`

	eventsAstraySQL = `
SELECT e.event_id FROM order_events AS e
 WHERE NOT EXISTS (SELECT 1 FROM orders AS o WHERE o.provider = e.provider AND o.account = e.account AND o.order_id = e.order_id)`

	outboxAstraySQL = `
SELECT b.msg_id FROM outbox AS b
 WHERE b.event IS NOT NULL AND NOT EXISTS (SELECT 1 FROM order_events AS e WHERE e.id = b.event)`

	adviceLinesUnlikeSQL = `
SELECT a.provider || ' ' || a.account || ' ' || a.advice_id FROM despatch_advices AS a
 WHERE (SELECT count(*) FROM despatch_advice_lines AS l WHERE l.provider = a.provider AND l.account = a.account AND l.advice_id = a.advice_id)
       IS NOT CASE WHEN json_valid(a.document) THEN coalesce(json_array_length(a.document, '$.lines'), 0) END`

	invoiceLinesUnlikeSQL = `
SELECT i.provider || ' ' || i.account || ' ' || i.number FROM invoices AS i
 WHERE (SELECT count(*) FROM invoice_lines AS l WHERE l.provider = i.provider AND l.account = i.account AND l.number = i.number)
       IS NOT CASE WHEN json_valid(i.document) THEN coalesce(json_array_length(i.document, '$.lines'), 0) END`

	documentName = `d.provider || ' ' || d.account || ' ' || d.order_id || ' ' || d.kind || ' ' || d.document_id`

	documentsAstraySQL = `
SELECT ` + documentName + ` FROM order_documents AS d
 WHERE NOT CASE d.kind WHEN 'invoice'
           THEN EXISTS (SELECT 1 FROM invoices AS i WHERE i.provider = d.provider AND i.account = d.account AND i.number = d.document_id)
           ELSE EXISTS (SELECT 1 FROM despatch_advices AS a WHERE a.provider = d.provider AND a.account = d.account AND a.advice_id = d.document_id) END`

	documentsUntoldSQL = `
SELECT ` + documentName + ` FROM order_documents AS d
  JOIN orders AS o ON o.provider = d.provider AND o.account = d.account AND o.order_id = d.order_id
 WHERE d.revision IS NULL`

	documentsToldSQL = `
SELECT ` + documentName + ` || ' revision ' || d.revision FROM order_documents AS d
 WHERE d.revision IS NOT NULL AND NOT EXISTS (
   SELECT 1 FROM order_events AS e WHERE e.provider = d.provider AND e.account = d.account AND e.order_id = d.order_id AND e.revision = d.revision)`

	// Of a run that ended some jobs may be pruned already, also when another goes on since.
	runsUnlikeSQL = `
SELECT r.run_id FROM runs AS r LEFT JOIN jobs AS j ON j.run_id = r.run_id
 WHERE r.finished_at IS NULL AND r.reopened = 0
 GROUP BY r.run_id
HAVING (r.jobs_total, r.jobs_succeeded, r.jobs_partial, r.jobs_failed, r.jobs_dead, r.jobs_cancelled) IS NOT
       (count(j.job_id), count(iif(j.state = 'succeeded', 1, NULL)), count(iif(j.state = 'partial', 1, NULL)),
        count(iif(j.state = 'failed', 1, NULL)), count(iif(j.state = 'dead', 1, NULL)), count(iif(j.state = 'cancelled', 1, NULL)))`

	runsEndSQL = `
SELECT r.run_id FROM runs AS r
 WHERE (r.finished_at IS NULL) IS NOT (r.state IN ('queued', 'running'))
    OR (r.finished_at IS NULL AND r.jobs_total = r.jobs_succeeded + r.jobs_partial + r.jobs_failed + r.jobs_dead + r.jobs_cancelled)
 UNION ALL
SELECT j.job_id FROM jobs AS j JOIN runs AS r ON r.run_id = j.run_id
 WHERE j.state IN ('queued', 'running', 'waiting') AND j.state <> 'succeeded' AND r.finished_at IS NOT NULL`

	dispatchSQLCheck = `
WITH open AS (
  SELECT j.*, r.trigger, r.paused_at FROM jobs AS j JOIN runs AS r ON r.run_id = j.run_id WHERE j.state IN ('queued', 'running', 'waiting')
)
SELECT job_id FROM jobs WHERE dispatch IS NOT NULL AND state NOT IN ('queued', 'running', 'waiting')
 UNION ALL
SELECT j.job_id FROM open AS j
 WHERE j.dispatch IN ('pending_slot', 'blocked') AND j.state <> 'queued'
    OR j.dispatch = 'pending_slot' AND j.paused_at IS NULL AND NOT EXISTS (SELECT 1 FROM open AS o WHERE o.provider = j.provider AND o.dispatch = 'dispatched')
    OR j.dispatch = 'blocked' AND NOT EXISTS (
         SELECT 1 FROM open AS o WHERE o.provider = j.provider AND o.account = j.account AND o.trigger = j.trigger AND o.dispatch IS NOT 'blocked')`

	alertsAstraySQL = `
SELECT a.provider || ' ' || a.account || ' ' || a.code || ' ' || a.job_id FROM alerts AS a
 WHERE a.state = 'raised' AND a.job_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM jobs AS j WHERE j.job_id = a.job_id)`
)
