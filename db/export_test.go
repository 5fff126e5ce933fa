package db // internal: gives external tests access to the writer and the queries

import (
	"context"
	"time"

	"orderbeat/db/sqlite"
	"orderbeat/jobs"
)

// Exec runs a statement in a transaction of the writer.
type Exec func(query string, args ...any) (int64, error)

// Write runs an operation in a transaction.
func (d *DB) Write(ctx context.Context, relaxed bool, run func(Exec) error) error {
	wait := sqlite.AsOpened
	if relaxed {
		wait = sqlite.Relaxed
	}
	return d.data.Write(ctx, 1, wait, func(t *sqlite.Tx) error { return run(t.Exec) })
}

// OnWriter runs a statement on the writer's connection, outside of a transaction.
// Nothing else may write at the same time.
func (d *DB) OnWriter(ctx context.Context, query string) error {
	_, err := d.Inspect().Conn().ExecContext(ctx, query)
	return err
}

// WriterValue reads one value on the writer's connection. Nothing else may write at the same time.
func (d *DB) WriterValue(ctx context.Context, query string) (value string, err error) {
	err = d.Inspect().Conn().QueryRowContext(ctx, query).Scan(&value)
	return value, err
}

// Value reads one value on a reader's connection.
func (d *DB) Value(ctx context.Context, query string, args ...any) (value string, err error) {
	err = d.file.Readers().QueryRowContext(ctx, query, args...).Scan(&value)
	return value, err
}

// Inspect gives access to the internals of the file.
func (d *DB) Inspect() sqlite.Inspector { return d.file.Inspect() }

// Query is a query with a name for tests.
type Query struct {
	Name, SQL string
	Args      []any
}

// Queries returns every query on growing tables.
func Queries() []Query {
	list := []Query{
		{"known", knownSQL, []any{"p", "a", "[]"}},
		{"same", sameSQL, []any{"t", "p", "a", "{}", "t"}},
		{"seen", seenSQL, []any{"t", "t", "p", "a", "[]"}},
		{"delete responses", deleteResponsesSQL, []any{"p", "a", "t"}},
		{"not found", notFoundSQL, []any{"t", "p", "a", "[]", "t"}},
		{"document", documentSQL, []any{"p", "a", "o"}},
		{"newly late", newlyLateSQL, []any{"p", "a", "d"}},
		{"late", lateSQL, []any{"p", "a", "[]", "d"}},
		{"today", todaySQL, []any{"p", "a"}},
		{"delete despatches", deleteDespatchesSQL, []any{"p", "a", "o"}},
		{"history", historySQL, []any{"p", "a", "o", 0, 1}},
		{"open orders to track", openOrdersSQL, []any{"p", "a"}},
		{"order", orderSQL, []any{"p", "a", "o"}},
		{"order text", orderTextSQL, []any{"p", "a", "o"}},
		{"known advices", knownAdvicesSQL, []any{"p", "a", "[]"}},
		{"delete advice lines", deleteAdviceLinesSQL, []any{"p", "a", "d"}},
		{"advice text", adviceTextSQL, []any{"p", "a", "d"}},
		{"known invoices", knownInvoicesSQL, []any{"p", "a", "[]"}},
		{"delete invoice lines", deleteInvoiceLinesSQL, []any{"p", "a", "d"}},
		{"invoice text", invoiceTextSQL, []any{"p", "a", "d"}},
		{"orders of a bill of lading", ordersOfBillSQL, []any{"p", "a", "b"}},
		{"clear recorded", clearRecordedSQL, []any{"p", "a", "k", "d"}},
		{"unlink", unlinkSQL, []any{"p", "a", "o", "k", "d"}},
		{"advices by bill", advicesByBillSQL, []any{"p", "a", "[]"}},
		{"unrecorded links", unrecordedLinksSQL, []any{"p", "a", "[]"}},
		{"order revision", orderRevisionSQL, []any{"p", "a", "o"}},
		{"record link", recordLinkSQL, make([]any, 6)},
		{"revise", reviseSQL, make([]any, 5)},
		{"orders of documents", ordersOfSQL, []any{"p", "a", "k", "[]"}},
		{"advices of an order", advicesOfSQL, []any{"p", "a", "o"}},
		{"invoices of an order", invoicesOfSQL, []any{"p", "a", "o"}},
		{"run", runSQL, []any{"r"}},
		{"run by key", runByKeySQL, []any{"k"}},
		{"jobs", jobsSQL, []any{"r"}},
		{"run errors", runErrorsSQL, []any{"r", 1}},
		{"job state", jobStateSQL, []any{"j"}},
		{"claim", claimSQL, []any{"t", "p", 1, 2}},
		{"claim suspect", claimSuspectSQL, []any{"t", 2}},
		{"begin runs", beginRunsSQL, []any{"t", "[]"}},
		{"release", releaseSQL, []any{"t", "j", 1}},
		{"next attempt", nextAttemptSQL, []any{"p", 2}},
		{"end attempt", endAttemptSQL, make([]any, 15)},
		{"size of exchanges", exchangesUptoSQL, nil},
		{"exchange", exchangeSQL, []any{1}},
		{"kept job", keptJobSQL, []any{"j"}},
		{"kept", keptSQL, []any{"j"}},
		{"newer pending remaps", newerPendingSQL, []any{"r", "a", "j"}},
		{"count", countSQL, make([]any, 11)},
		{"cancel run", cancelRunSQL, []any{"t", "r"}},
		{"cancel job", cancelJobSQL, []any{"t", "j"}},
		{"count cancelled", countCancelledSQL, []any{1, "t", "r"}},
		{"job and its run", jobRunSQL, []any{"j"}},
		{"retried job", retriedJobSQL, []any{"j"}},
		{"retry job", retryJobSQL, []any{"t", "pending_slot", "j"}},
		{"reopen", reopenSQL, []any{0, 1, 0, "r"}},
		{"end run", endRunSQL, make([]any, 5)},
		{"joined run", runJoinedSQL, []any{"k"}},
		{"run by hash", runByHashSQL, []any{"a", "t"}},
		{"queue delays", queueDelaysSQL, []any{"t"}},
		{"suspects", suspectsSQL, []any{"t", 2}},
		{"recover running", recoverRunningSQL, []any{true}},
		{"requesters", requestersSQL, []any{"r", "r"}},
		{"subject registered", subjectRegisteredSQL, []any{"k", "k", "k", "s", "k", "s", "k", "s"}},
		{"repeat", repeatSQL, []any{"k", "s", "r", "t", "k", "s", "k", 1}},
		{"publishable", publishableSQL, []any{"alerts", "t", 1}},
		{"publishable orders", publishableOrdersSQL, []any{"t", "t", 1}},
		{"publishable results", publishableResultsSQL, []any{"results", "t", 1}},
		{"backlog of a topic", topicBacklogSQL, []any{"alerts", 1}},
		{"postpone", postponeSQL, []any{"t", "r", 1}},
		{"set aside", setAsideSQL, []any{"t", "r", 1}},
		{"trim set aside", trimSetAsideSQL, []any{1}},
		{"message", messageSQL, []any{1}},
		{"rejected count", rejectedCountSQL, []any{"s", "s"}},
		{"republish", republishSQL, []any{"i", "h", "[]"}},
		{"next pending", nextPendingSQL, []any{"p", "p"}},
		{"pace", paceSQL, []any{"r"}},
		{"used slots", usedSlotsSQL, []any{"p"}},
		{"blocked jobs", blockedJobsSQL, []any{"p", "a", "t"}},
		{"earlier run active", earlierRunActiveSQL, []any{"p", "a", "t"}},
		{"dispatch", dispatchSQL, []any{"dispatched", "t", "j"}},
		{"set pending", setPendingSQL, []any{"j"}},
		{"pause run", pauseRunSQL, []any{"t", "n", "r"}},
		{"resume run", resumeRunSQL, []any{"r"}},
		{"live jobs", inlineSQL, nil},
		{"last event", lastEventSQL, nil},
		{"last tick", lastTickSQL, []any{"s"}},
		{"schedule progress", progressSQL, []any{"s"}},
		{"see schedule", seeScheduleSQL, []any{"s", "t", "t"}},
		{"pause", pauseSQL, []any{"s", "t", "n"}},
		{"resume", resumeSQL, []any{"s"}},
		{"paused", pausedSQL, []any{"s"}},
		{"failed in a row", lastRunsSQL, []any{"s"}},
		{"ticks", ticksSQL, []any{"s", "t", "t"}},
		{"busy", busySQL, []any{"t"}},
		{"open jobs", openJobsSQL, []any{"[]"}},
		{"next due", nextDueSQL, []any{"t"}},
		{"shift messages", shiftMessagesSQL, []any{"s", "t"}},
		{"shift jobs", shiftJobsSQL, []any{"s", "t"}},
		{"published", publishedSQL, []any{"[]"}},
		{"schedules", schedulesSQL, nil},
		{"load token", loadTokenSQL, []any{"k"}},
		{"lease", leaseSQL, make([]any, 12)},
		{"commit token", commitTokenSQL, make([]any, 29)},
		{"reseal", resealSQL, make([]any, 3)},
		{"raise", raiseSQL, make([]any, 11)},
		{"reword", rewordSQL, make([]any, 6)},
		{"resolve", resolveSQL, []any{"t", "p", "a", "", "[]", ""}},
		{"alerts", allAlertsSQL, []any{1}},
		{"raised alerts", raisedAlertsSQL, nil},
		{"raised alerts counted", countAlertsSQL, nil},
		{"alerted", alertedSQL, []any{"[]"}},
		{"set consent accounts", setConsentAccountsSQL, []any{"[]", 1}},
		{"consent granted", consentGrantedSQL, []any{"p", "t", "t", "a"}},
		{"missed", missedSQL, []any{"p", "[]", "p", "u", "t"}},
		{"succeeded after", succeededAfterSQL, []any{"p", "[]", "j"}},
	}
	cuts := pruneCuts{exchanges: "t", jobs: "t", dead: "t", events: "t", upto: 1}
	for _, r := range cuts.rules([]string{"s"}, &Pruned{}, false) {
		query, args := r.rangeQuery(r.first)
		list = append(list, Query{"range of " + r.table, query, args})
		query, args = r.deletion(r.first, r.first)
		list = append(list, Query{"prune " + r.table, query, args})
	}
	for name, f := range map[string]EventFilter{
		"replay": {}, "replay of an account": {Provider: "p", Account: "a", Since: time.Unix(0, 0)}, "replay of an order": {Provider: "p", Account: "a", OrderID: "o"},
	} {
		query, args := f.query(1, 2)
		list = append(list, Query{name, query, args})
	}
	for name, f := range map[string]ExchangeFilter{
		"exchanges": {}, "exchanges of a provider": {Provider: "p", Account: "a"}, "exchanges of a run": {Provider: "p", RunID: "r"}, "exchanges of a job": {JobID: "j"},
	} {
		query, args := f.query()
		list = append(list, Query{name, query, args})
	}
	for name, r := range map[string]jobs.Remapping{"kept jobs": {}, "kept jobs of a run": {RunID: "r"}, "kept jobs of a job": {JobID: "j"}} {
		query, args := keptJobsQuery("p", "a", r)
		list = append(list, Query{name, query, args})
	}
	for name, f := range map[string]RunFilter{
		"runs": {}, "runs of a provider": {Provider: "p", Kind: "sync"}, "runs by state": {State: "failed"},
	} {
		query, args := f.query()
		list = append(list, Query{name, query, args})
	}
	for name, f := range map[string]OrderFilter{
		"orders": {}, "orders of a provider": {Provider: "p"}, "orders of an account": {Provider: "p", Account: "a"},
		"orders by id": {OrderID: "o"}, "orders of a provider by id": {Provider: "p", OrderID: "o"},
		"orders by reference": {Reference: "r"}, "open orders": {Open: true}, "late orders": {Late: true},
		"open orders of an account": {Provider: "p", Account: "a", Open: true},
		"orders by open status":     {Status: "backordered"}, "orders by ended status": {Status: "shipped"},
		"orders changed since":               {ChangedSince: time.Unix(0, 0)},
		"orders of an account changed since": {Provider: "p", Account: "a", ChangedSince: time.Unix(0, 0)},
	} {
		query, args, err := f.query()
		if err != nil {
			panic(err)
		}
		list = append(list, Query{name, query, args})
	}
	return list
}

// Explain returns the query plan.
func (d *DB) Explain(ctx context.Context, q Query) (steps []string, err error) {
	rows, err := d.file.Readers().QueryContext(ctx, "EXPLAIN QUERY PLAN "+q.SQL, q.Args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var id, parent, unused int
		var step string
		if err := rows.Scan(&id, &parent, &unused, &step); err != nil {
			return nil, err
		}
		steps = append(steps, step)
	}
	return steps, rows.Err()
}
