package worker_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"orderbeat/db"
	"orderbeat/db/retention"
	"orderbeat/jobs"
	"orderbeat/worker"
)

const day = 24 * time.Hour

// aged is a folder with a database that has runs of these ages, and their ids.
func aged(t *testing.T, ages ...time.Duration) (folder string, ids []string) {
	t.Helper()
	folder = t.TempDir()
	d, err := db.Open(t.Context(), db.Options{Path: filepath.Join(folder, "orderbeat.db")})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	for _, age := range ages {
		at := time.Now().Add(-age)
		run := jobs.Run{ID: jobs.NewID(at), Provider: "michelin", Kind: "sync", State: jobs.Queued, Trigger: "nats", RequestedAt: at}
		if _, _, err := d.StartRun(t.Context(), run, nil); err != nil { // a run without jobs ends at once
			t.Fatal(err)
		}
		ids = append(ids, run.ID)
	}
	return folder, ids
}

// known reports which runs exist.
func (b *bench) known(ids []string) (known []bool) {
	b.t.Helper()
	for _, id := range ids {
		_, ok, err := b.db.Run(b.t.Context(), id)
		if err != nil {
			b.t.Fatal(err)
		}
		known = append(known, ok)
	}
	return known
}

func TestWorkerPrunesItsDatabase(t *testing.T) {
	t.Parallel()
	folder, ids := aged(t, 100*day, 91*day, 89*day)
	b := startIn(t, folder, func(c *worker.Config) { c.Retention = retention.Periods{Jobs: 90 * day} })
	b.eventually("old runs are gone", func() bool { return fmt.Sprint(b.known(ids)) == "[false false true]" })
}

func TestPruneRequest(t *testing.T) {
	t.Parallel()
	folder, ids := aged(t, 100*day, 50*day, 10*day)
	b := startIn(t, folder, nil)
	b.settled() // unpublished messages are never pruned
	var reply struct {
		Removed retention.Pruned
		Done    bool
	}
	b.decode(b.request("db.prune", `{}`, nil).Data, &reply)
	if !reply.Done || reply.Removed.Rows() != 0 {
		t.Errorf("got %+v, want nothing removed by a configuration that keeps everything", reply)
	}
	b.decode(b.request("db.prune", `{"jobs":"20d"}`, nil).Data, &reply)
	if !reply.Done || reply.Removed.Runs != 2 || fmt.Sprint(b.known(ids)) != "[false false true]" {
		t.Errorf("got %+v and runs %v, want the two that are older than 20 days removed", reply, b.known(ids))
	}
	for body, want := range map[string]string{
		`{"jobs":"soon"}`:   `jobs: \"soon\" is not a duration`,
		`{"jobs":"1h"}`:     "jobs: must be 0s (no limit) or at least 1d, got 1h0m0s",
		`{"events":"-1d"}`:  "events: must be 0s",
		`{"orders":"400d"}`: `unknown field \"orders\"`,
	} {
		msg := b.request("db.prune", body, nil)
		if msg.Header.Get("Nats-Service-Error-Code") != "400" || !strings.Contains(string(msg.Data), want) {
			t.Errorf("%s: got %v %s, want 400 and %s", body, msg.Header, msg.Data, want)
		}
	}
	if got := b.known(ids); fmt.Sprint(got) != "[false false true]" {
		t.Errorf("got runs %v, want none removed by a rejected request", got)
	}
}

// A slot is free before the reply is sent.
func TestSequentialRequestsAreNeverBusy(t *testing.T) {
	t.Parallel()
	b := start(t, nil)
	for n := range 200 {
		if msg := b.request("db.prune", `{}`, nil); msg.Header.Get("Nats-Service-Error-Code") != "" {
			t.Fatalf("request %d: got %v %s, want it answered: the one before has been", n, msg.Header, msg.Data)
		}
	}
}
