// Package dbtest has helpers for the tests of db and of the packages below it: databases, runs and outcomes.
package dbtest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"orderbeat/clients"
	"orderbeat/db"
	"orderbeat/db/outbox"
	"orderbeat/jobs"
)

// Noon is the start time of the tests.
var Noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// Open opens a new database and closes it at the end of the test.
func Open(tb testing.TB) *db.DB {
	tb.Helper()
	return OpenAt(tb, Blank(tb))
}

// Blank creates a new database with the current schema in a folder of the test.
func Blank(tb testing.TB) string {
	tb.Helper()
	file, err := BlankFile()
	if err != nil {
		tb.Fatal(err)
	}
	path := filepath.Join(tb.TempDir(), "orderbeat.db")
	if err := os.WriteFile(path, file, 0o600); err != nil {
		tb.Fatal(err)
	}
	return path
}

// BlankFile is the file of a new database. It is created once, because migrating takes longer than many tests.
var BlankFile = sync.OnceValues(func() ([]byte, error) {
	folder, err := os.MkdirTemp("", "orderbeat")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(folder)
	path := filepath.Join(folder, "orderbeat.db")
	d, err := db.Open(context.Background(), db.Options{Path: path})
	if err != nil {
		return nil, err
	}
	if err := d.Close(); err != nil {
		return nil, err
	}
	return os.ReadFile(path)
})

// OpenAt opens the database at path and closes it at the end of the test.
func OpenAt(tb testing.TB, path string) *db.DB {
	tb.Helper()
	d, err := db.Open(tb.Context(), db.Options{Path: path})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := d.Close(); err != nil {
			tb.Error(err)
		}
	})
	return d
}

// Order is an order with two lines; one may be shipped.
func Order(id string, shipped bool) clients.Order {
	lines := make([]clients.Line, 2)
	for i := range lines {
		lines[i] = clients.Line{
			LineID: fmt.Sprintf("%03d", i+1), ArticleID: clients.Text(fmt.Sprintf("A%05d", i)), EAN: "3528700000000",
			Description: "225/45R17 94W XL PILOT SPORT", RequestedOn: "2026-11-18", Ordered: clients.Pieces(4),
			Schedule: []clients.ScheduleLine{{DeliveryOn: "2026-11-24", Ordered: clients.Pieces(4), Amounts: clients.Amounts{Scheduled: clients.Pieces(4)}}},
		}
	}
	if shipped {
		l := &lines[0]
		l.Schedule[0].Amounts = clients.Amounts{Shipped: clients.Pieces(4)}
		l.Despatches = []clients.Despatch{{DespatchedOn: "2026-11-21", AdviceID: "BOL1", Quantity: clients.Pieces(4)}}
	}
	o := clients.Order{
		Provider: "michelin", Account: "detroit", OrderID: id, Reference: clients.Text("PO-" + id),
		OrderedOn: "2026-11-17", Method: "EDI", Lines: lines,
	}
	o.Normalize()
	return o
}

// Plan is a run of n jobs with a unique query, not started yet.
func Plan(n int) (jobs.Run, []jobs.Job) {
	run := jobs.Run{
		ID: jobs.NewID(Noon), Provider: "michelin", Kind: "sync", State: jobs.Queued, Trigger: "nats",
		Errors: []jobs.RunError{}, RequestedAt: Noon, Traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
	}
	js := make([]jobs.Job, n)
	for i := range js {
		js[i] = jobs.Job{
			ID: fmt.Sprintf("%s-%05d", run.ID, i+1), RunID: run.ID, Provider: "michelin", Account: "detroit", Kind: "sync",
			Question: jobs.Question{From: "2026-11-06", To: "2026-11-20", References: []string{run.ID}}, Attempt: 1, FirstAt: Noon,
		}
	}
	return run, js
}

// Start starts a run of n jobs.
func Start(tb testing.TB, d *db.DB, n int) (jobs.Run, []jobs.Job) {
	tb.Helper()
	run, js := Plan(n)
	run, _, err := d.StartRun(tb.Context(), run, js)
	if err != nil {
		tb.Fatal(err)
	}
	return run, js
}

// Succeeded is the outcome of a job that received orders at a time.
func Succeeded(job jobs.Job, at time.Time, orders ...clients.Order) jobs.Outcome {
	return jobs.Outcome{
		Job: job, State: jobs.Succeeded, Orders: orders, Volatile: []string{"lines/description"},
		AskedAt: at, FinishedAt: at.Add(2 * time.Second),
	}
}

// Failed is the outcome of a failed or waiting job.
func Failed(job jobs.Job, state jobs.State, at time.Time) jobs.Outcome {
	o := jobs.Outcome{Job: job, State: state, AskedAt: at, FinishedAt: at.Add(2 * time.Second), Err: &clients.Error{
		Provider: "michelin", Op: "order status", Code: clients.CodeUnavailable, Status: 503,
		Message: "the server is in maintenance", Hint: "nothing to do",
	}}
	if state == jobs.Waiting {
		o.NextAt = o.FinishedAt.Add(time.Minute)
	}
	return o
}

// Commit commits an outcome that must be accepted.
func Commit(tb testing.TB, d *db.DB, o jobs.Outcome) db.Committed {
	tb.Helper()
	c, err := d.Commit(tb.Context(), o)
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

// Observe starts a run with one job that receives orders at a time.
func Observe(tb testing.TB, d *db.DB, at time.Time, orders ...clients.Order) db.Committed {
	tb.Helper()
	_, js := Start(tb, d, 1)
	return Commit(tb, d, Succeeded(js[0], at, orders...))
}

// Pending returns all due messages.
func Pending(tb testing.TB, d *db.DB, at time.Time) []outbox.Message {
	tb.Helper()
	m, err := d.Pending(tb.Context(), at, 100_000)
	if err != nil {
		tb.Fatal(err)
	}
	return m
}

// Publish removes all due messages from the outbox.
func Publish(tb testing.TB, d *db.DB) {
	tb.Helper()
	var ids []int64
	for _, m := range Pending(tb, d, Noon.AddDate(1, 0, 0)) {
		ids = append(ids, m.ID)
	}
	if err := d.Published(context.WithoutCancel(tb.Context()), outbox.Settled{IDs: ids}); err != nil {
		tb.Fatal(err)
	}
}

// CheckConsistent fails the test if the database is inconsistent.
func CheckConsistent(tb testing.TB, d *db.DB) {
	tb.Helper()
	faults, err := d.Check(tb.Context())
	if len(faults) > 0 || err != nil {
		tb.Errorf("got %v, %v, want no fault", faults, err)
	}
}
