package db

import (
	"context"
	"database/sql"
	"fmt"

	"orderbeat/db/sqlite"
)

// Fault is an inconsistency in the database.
type Fault struct {
	// What describes the fault; Where is the affected row or table.
	What  string `json:"what"`
	Where string `json:"where"`
}

// maxFaults limits the reported faults per check.
const maxFaults = 20

// Check reads the whole database and reports inconsistencies in the file, in references and between
// tables. Each query reads one snapshot, so a worker may write at the same time.
func (d *DB) Check(ctx context.Context) ([]Fault, error) {
	faults := []Fault{}
	for _, c := range checks {
		found, err := d.check(ctx, c.what, c.query)
		if ctx.Err() != nil {
			return faults, ctx.Err()
		}
		faults = append(faults, found...)
		if err != nil { // parts of a corrupt file may still be readable
			faults = append(faults, Fault{c.what, err.Error()})
		}
	}
	return faults, nil
}

// check returns a fault for every row of a query.
func (d *DB) check(ctx context.Context, what, query string) (faults []Fault, err error) {
	err = sqlite.Query(ctx, d.file.Bulk(), func(rows *sql.Rows) error {
		var where string
		if err := rows.Scan(&where); err != nil {
			return err
		}
		if len(faults) == maxFaults {
			faults = append(faults, Fault{what, fmt.Sprintf("and more, only %d are listed", maxFaults)})
			return sqlite.ErrEnough
		}
		faults = append(faults, Fault{what, where})
		return nil
	}, query)
	return faults, err
}

// checks are the faults and the queries that find them.
var checks = []struct{ what, query string }{
	{"file is corrupt", `SELECT integrity_check FROM pragma_integrity_check WHERE integrity_check <> 'ok'`},
	{"missing referenced row", `SELECT "table" || ' row ' || rowid || ', of ' || parent FROM pragma_foreign_key_check`},
	{"order row differs from its document", inconsistentOrdersSQL},
	{"despatches of an order differ from its document", inconsistentDespatchesSQL},
	{"despatches of a missing order", orphanedDespatchesSQL},
	{"history of an order does not end with its revision", incompleteHistorySQL},
	{"event of a missing order", orphanedEventsSQL},
	{"outbox message of a missing event", orphanedMessagesSQL},
	{"lines of a despatch advice differ from its document", inconsistentAdviceLinesSQL},
	{"lines of an invoice differ from its document", inconsistentInvoiceLinesSQL},
	{"order linked to a missing document", orphanedLinksSQL},
	{"missing event of a document", linksWithMissingEventSQL},
	{"job counts of a run differ from its jobs", inconsistentRunsSQL},
	{"run state differs from the state of its jobs", inconsistentRunStatesSQL},
	{"job with an invalid dispatch state", inconsistentDispatchSQL},
	{"alert of a missing job", orphanedAlertsSQL},
}

const (
	// NULL for a document that is not valid JSON, so that queries do not fail.
	orderDocument = `CASE WHEN json_valid(o.document) THEN o.document END`

	orderName = `o.provider || ' ' || o.account || ' ' || o.order_id`

	inconsistentOrdersSQL = `
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

	inconsistentDespatchesSQL = `
SELECT ` + lineName + ` || ' number ' || (s.key + 1)` + documentLines + `, json_each(l.value, '$.despatches') AS s
  LEFT JOIN despatches AS r ON r.provider = o.provider AND r.account = o.account AND r.order_id = o.order_id
                           AND r.line_id = l.value ->> '$.line_id' AND r.seq = s.key + 1
 WHERE r.seq IS NULL
    OR (r.despatched_on, r.advice_id, r.quantity) IS NOT (s.value ->> '$.despatched_on', s.value ->> '$.advice_id', s.value ->> '$.quantity')
 UNION ALL
SELECT ` + lineName + ` || ': ' || count(r.seq) || ' rows'` + documentLines + `
  JOIN despatches AS r ON r.provider = o.provider AND r.account = o.account AND r.order_id = o.order_id AND r.line_id = l.value ->> '$.line_id'
 GROUP BY o.provider, o.account, o.order_id, l.key HAVING count(r.seq) > coalesce(json_array_length(l.value, '$.despatches'), 0)`

	orphanedDespatchesSQL = `
SELECT DISTINCT provider || ' ' || account || ' ' || order_id FROM despatches AS d
 WHERE NOT EXISTS (SELECT 1 FROM orders AS o WHERE o.provider = d.provider AND o.account = d.account AND o.order_id = d.order_id)`
)

const (
	incompleteHistorySQL = `
SELECT ` + orderName + ` || ' revision ' || o.revision FROM orders AS o
 WHERE o.revision IS NOT (SELECT max(e.revision) FROM order_events AS e
                           WHERE e.provider = o.provider AND e.account = o.account AND e.order_id = o.order_id)`

	orphanedEventsSQL = `
SELECT e.event_id FROM order_events AS e
 WHERE NOT EXISTS (SELECT 1 FROM orders AS o WHERE o.provider = e.provider AND o.account = e.account AND o.order_id = e.order_id)`

	orphanedMessagesSQL = `
SELECT b.msg_id FROM outbox AS b
 WHERE b.event IS NOT NULL AND NOT EXISTS (SELECT 1 FROM order_events AS e WHERE e.id = b.event)`

	inconsistentAdviceLinesSQL = `
SELECT a.provider || ' ' || a.account || ' ' || a.advice_id FROM despatch_advices AS a
 WHERE (SELECT count(*) FROM despatch_advice_lines AS l WHERE l.provider = a.provider AND l.account = a.account AND l.advice_id = a.advice_id)
       IS NOT CASE WHEN json_valid(a.document) THEN coalesce(json_array_length(a.document, '$.lines'), 0) END`

	inconsistentInvoiceLinesSQL = `
SELECT i.provider || ' ' || i.account || ' ' || i.number FROM invoices AS i
 WHERE (SELECT count(*) FROM invoice_lines AS l WHERE l.provider = i.provider AND l.account = i.account AND l.number = i.number)
       IS NOT CASE WHEN json_valid(i.document) THEN coalesce(json_array_length(i.document, '$.lines'), 0) END`

	documentName = `d.provider || ' ' || d.account || ' ' || d.order_id || ' ' || d.kind || ' ' || d.document_id`

	orphanedLinksSQL = `
SELECT ` + documentName + ` FROM order_documents AS d
 WHERE NOT CASE d.kind WHEN 'invoice'
           THEN EXISTS (SELECT 1 FROM invoices AS i WHERE i.provider = d.provider AND i.account = d.account AND i.number = d.document_id)
           ELSE EXISTS (SELECT 1 FROM despatch_advices AS a WHERE a.provider = d.provider AND a.account = d.account AND a.advice_id = d.document_id) END`

	linksWithMissingEventSQL = `
SELECT ` + documentName + ` || ' revision ' || d.revision FROM order_documents AS d
 WHERE d.revision IS NOT NULL AND NOT EXISTS (
   SELECT 1 FROM order_events AS e WHERE e.provider = d.provider AND e.account = d.account AND e.order_id = d.order_id AND e.revision = d.revision)`

	// Jobs of finished and of reopened runs may have been pruned.
	inconsistentRunsSQL = `
SELECT r.run_id FROM runs AS r LEFT JOIN jobs AS j ON j.run_id = r.run_id
 WHERE r.finished_at IS NULL AND r.reopened = 0
 GROUP BY r.run_id
HAVING (r.jobs_total, r.jobs_succeeded, r.jobs_partial, r.jobs_failed, r.jobs_dead, r.jobs_cancelled) IS NOT
       (count(j.job_id), count(iif(j.state = 'succeeded', 1, NULL)), count(iif(j.state = 'partial', 1, NULL)),
        count(iif(j.state = 'failed', 1, NULL)), count(iif(j.state = 'dead', 1, NULL)), count(iif(j.state = 'cancelled', 1, NULL)))`

	inconsistentRunStatesSQL = `
SELECT r.run_id FROM runs AS r
 WHERE (r.finished_at IS NULL) IS NOT (r.state IN ('queued', 'running'))
    OR (r.finished_at IS NULL AND r.jobs_total = r.jobs_succeeded + r.jobs_partial + r.jobs_failed + r.jobs_dead + r.jobs_cancelled)
 UNION ALL
SELECT j.job_id FROM jobs AS j JOIN runs AS r ON r.run_id = j.run_id
 WHERE j.state IN ('queued', 'running', 'waiting') AND j.state <> 'succeeded' AND r.finished_at IS NOT NULL`

	inconsistentDispatchSQL = `
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

	orphanedAlertsSQL = `
SELECT a.provider || ' ' || a.account || ' ' || a.code || ' ' || a.job_id FROM alerts AS a
 WHERE a.state = 'raised' AND a.job_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM jobs AS j WHERE j.job_id = a.job_id)
   AND EXISTS (SELECT 1 FROM jobs AS j WHERE j.run_id = a.run_id)`
)
