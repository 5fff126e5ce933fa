package main // an inside test: a main package cannot be imported

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"orderbeat/clients"
	"orderbeat/cmd/orderbeat/cli"
	"orderbeat/cmd/orderbeat/lock"
	"orderbeat/db"
	"orderbeat/db/retention"
	"orderbeat/db/sqlite"
	"orderbeat/jobs"
	"orderbeat/worker/api"
)

// databaseOf is the database of the configuration at path.
func databaseOf(path string) string {
	return filepath.Join(filepath.Dir(path), "data", "orderbeat.db")
}

// alter runs a statement on the database of a configuration, creating it if necessary.
func alter(t *testing.T, path, statement string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(databaseOf(path)), 0o700); err != nil {
		t.Fatal(err)
	}
	file, err := sql.Open("sqlite3", databaseOf(path)+"?_auto_vacuum=incremental")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := file.ExecContext(t.Context(), statement); err != nil {
		t.Fatal(err)
	}
}

// newestSchema is the version of a new database.
func newestSchema(t *testing.T) int64 {
	t.Helper()
	path, _ := furnished(t)
	version, err := sqlite.Version(t.Context(), databaseOf(path))
	if err != nil {
		t.Fatal(err)
	}
	return version
}

func TestDBBackup(t *testing.T) {
	path, _ := furnished(t)
	version := newestSchema(t)
	to := filepath.Join(t.TempDir(), "copy.db")
	got := do(t, "db", "backup", to, "--config", path)
	if got.status != cli.Done || !strings.HasPrefix(got.stdout, to+": 0.") || !strings.HasSuffix(got.stdout, fmt.Sprintf(" MB, schema version %d, checked\n", version)) {
		t.Errorf("got %+v, want name, size and version", got)
	}
	copied, err := db.OpenReadOnly(t.Context(), to)
	if err != nil {
		t.Fatal(err)
	}
	defer copied.Close()
	if o, ok, err := copied.Order(t.Context(), "michelin", "detroit", "SO1"); !ok || o.Revision != 2 || err != nil {
		t.Errorf("in the copy: got %+v, %v, %v, want the order", o, ok, err)
	}
	if again := do(t, "db", "backup", to, "--config", path); again.status != cli.Failed || !strings.Contains(again.stderr, "a backup does not overwrite files") {
		t.Errorf("the same name again: got %+v, want it refused", again)
	}
	var reply sqlite.Copied
	asJSON := do(t, "db", "backup", to+"2", "--json", "--config", path)
	if err := json.Unmarshal([]byte(asJSON.stdout), &reply); err != nil || reply.Path != to+"2" || reply.Bytes == 0 || reply.Version != version {
		t.Errorf("--json: got %+v, %v", asJSON, err)
	}
}

func TestDBCheck(t *testing.T) {
	path, _ := furnished(t)
	got := do(t, "db", "check", "--config", path)
	if diff := cmp.Diff(result{cli.Done, databaseOf(path) + ": OK\n", ""}, got, cmp.AllowUnexported(result{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	alter(t, path, "UPDATE orders SET status = 'lost' WHERE order_id = 'SO1'")
	got = do(t, "db", "check", "--config", path)
	want := result{cli.Failed, "order row differs from its document: michelin detroit SO1\n", databaseOf(path) + ": 1 fault\n"}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(result{})); diff != "" {
		t.Errorf("a fault (-want +got):\n%s", diff)
	}
	var reply struct{ Faults []db.Fault }
	asJSON := do(t, "db", "check", "--json", "--config", path)
	if err := json.Unmarshal([]byte(asJSON.stdout), &reply); err != nil || len(reply.Faults) != 1 || asJSON.status != cli.Failed {
		t.Errorf("--json: got %+v, %v", asJSON, err)
	}
}

// pruneReply is what `orderbeat db prune --json` prints.
type pruneReply struct {
	By      string
	Removed retention.Pruned
}

func prune(t *testing.T, path string, flags ...string) (reply pruneReply) {
	t.Helper()
	got := do(t, append([]string{"db", "prune", "--json", "--config", path}, flags...)...)
	if err := json.Unmarshal([]byte(got.stdout), &reply); err != nil || got.status != cli.Done {
		t.Fatalf("status %d, %v: %s%s", got.status, err, got.stdout, got.stderr)
	}
	return reply
}

func TestDBPruneWithoutAWorker(t *testing.T) {
	path, _ := furnished(t)
	// One job stays, and its run, with the alert that it raised. The outbox keeps events.
	alter(t, path, "DELETE FROM outbox")
	want := retention.Pruned{Jobs: 3, Runs: 1, Events: 1}
	if diff := cmp.Diff(pruneReply{"nobody", want}, prune(t, path, "--dry-run")); diff != "" {
		t.Errorf("--dry-run (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(pruneReply{"command", retention.Pruned{}}, prune(t, path, "--events", "0s", "--jobs", "0s")); diff != "" {
		t.Errorf("flags instead of the configuration (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(pruneReply{"command", want}, prune(t, path)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	got := do(t, "db", "prune", "--config", path)
	if diff := cmp.Diff(result{cli.Done, "TABLE         REMOVED\nexchanges           0\njobs                0\nruns                0\nticks               0\nalerts              0\norder_events        0\n", ""},
		got, cmp.AllowUnexported(result{})); diff != "" {
		t.Errorf("as a table (-want +got):\n%s", diff)
	}
	if r := do(t, "db", "check", "--config", path); r.status != cli.Done {
		t.Errorf("after pruning: got %+v, want nothing wrong", r)
	}
}

func TestDBPruneCallsTheWorkerUntilDone(t *testing.T) {
	w := newStandInWorker(t)
	newDatabase(t, w.config)
	unlock, err := lock.Acquire(databaseOf(w.config))
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	var requests []string
	w.answers("db.prune", func(request []byte) any {
		requests = append(requests, string(request))
		return map[string]any{"removed": retention.Pruned{Events: 1000, Jobs: 1}, "done": len(requests) == 3}
	})
	got := prune(t, w.config, "--events", "365d")
	if diff := cmp.Diff(pruneReply{"worker", retention.Pruned{Events: 3000, Jobs: 3}}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(strings.Repeat(`{"events":"365d"}`, 3), strings.Join(requests, "")); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

func TestDBPruneReportsPartialProgress(t *testing.T) {
	w := newStandInWorker(t)
	newDatabase(t, w.config)
	unlock, err := lock.Acquire(databaseOf(w.config))
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	asked := 0
	w.answers("db.prune", func([]byte) any {
		if asked++; asked > 1 {
			return api.Error{Code: "internal", Message: "disk full"}
		}
		return map[string]any{"removed": retention.Pruned{Events: 1000}}
	})
	got := do(t, "db", "prune", "--config", w.config)
	if got.status != cli.Partial || !strings.Contains(got.stdout, "order_events     1000") || !strings.Contains(got.stderr, "pruned in part: internal: disk full") {
		t.Errorf("got %+v, want what was removed, and why no more", got)
	}
}

func TestDBPruneByARunningWorker(t *testing.T) {
	t.Parallel()
	path := writeConfig(t, fmt.Sprintf("[nats]\nlisten = \"127.0.0.1:%s\"\nsync = \"2m\"\n[web]\nlisten = \"127.0.0.1:0\"\n[db]\nretention = { jobs = \"0s\", events = \"0s\" }\n", freePort(t)))
	k := newDatabase(t, path)
	k.run(noon, map[string]jobs.Outcome{"detroit": {State: jobs.Succeeded}, "toledo": {State: jobs.Succeeded}})
	if err := k.db.Close(); err != nil {
		t.Fatal(err)
	}
	p := startHere(t, path)
	if r := do(t, "db", "migrate", "--config", path); r.status != cli.Failed || !strings.Contains(r.stderr, "is in use by another orderbeat") {
		t.Errorf("migrate beside a worker: got %+v, want it refused", r)
	}
	if got := prune(t, path); got != (pruneReply{By: "worker"}) {
		t.Errorf("got %+v, want that the worker's configuration keeps everything", got)
	}
	if got := prune(t, path, "--jobs", "90d"); got.By != "worker" || got.Removed.Runs != 1 {
		t.Errorf("got %+v, want the run of 2024 removed by the worker", got)
	}
	if r := do(t, "db", "check", "--config", path); r.status != cli.Done {
		t.Errorf("check beside a worker: got %+v", r)
	}
	if r := do(t, "db", "backup", filepath.Join(t.TempDir(), "copy.db"), "--config", path); r.status != cli.Done {
		t.Errorf("backup beside a worker: got %+v", r)
	}
	if status := p.stop(); status != cli.Done {
		t.Errorf("got status %d, want the worker to end well", status)
	}
}

func TestWorkerPrunesByItsConfiguration(t *testing.T) {
	t.Parallel()
	path := writeConfig(t, fmt.Sprintf("[nats]\nlisten = \"127.0.0.1:%s\"\nsync = \"2m\"\n[web]\nlisten = \"127.0.0.1:0\"\n[db]\nretention = { events = \"0s\" }\n", freePort(t)))
	k := newDatabase(t, path)
	old := k.run(noon, map[string]jobs.Outcome{"detroit": {State: jobs.Succeeded, Orders: []clients.Order{order("detroit", "SO1", "PO-7", 0)}}, "toledo": {State: jobs.Succeeded}})
	k.run(noon.Add(time.Hour), map[string]jobs.Outcome{"detroit": {State: jobs.Succeeded, Orders: []clients.Order{order("detroit", "SO1", "PO-7", 2)}}, "toledo": {State: jobs.Succeeded}})
	if err := k.db.Close(); err != nil {
		t.Fatal(err)
	}
	startHere(t, path).eventually("the run of 2024 is gone", func() bool { return do(t, "runs", old.ID, "--config", path).status == cli.Failed })
	if r := do(t, "order", "SO1", "--json", "--config", path); strings.Count(r.stdout, `"event_id"`) != 2 {
		t.Errorf("got %+v, want that events are kept for ever, as configured", r)
	}
}

func TestDBMigrate(t *testing.T) {
	version := newestSchema(t)
	path := writeConfig(t, "")
	dump, err := os.ReadFile("../../db/testdata/version-3.sql")
	if err != nil {
		t.Fatal(err)
	}
	alter(t, path, string(dump))
	for _, command := range []string{"check", "prune"} {
		if r := do(t, "db", command, "--config", path); r.status != cli.Failed || !strings.Contains(r.stderr, fmt.Sprintf("its schema is version 3, this program needs %d: run `orderbeat db migrate`", version)) {
			t.Errorf("%s: got %+v, want that it needs to be migrated", command, r)
		}
	}
	if r := do(t, "db", "backup", filepath.Join(t.TempDir(), "before.db"), "--config", path); !strings.Contains(r.stdout, "schema version 3") {
		t.Errorf("backup: got %+v, want a copy of version 3", r)
	}
	for _, want := range []string{fmt.Sprintf("migrated from schema version 3 to %d", version), fmt.Sprintf("schema version %d is current", version)} {
		if r := do(t, "db", "migrate", "--config", path); r != (result{cli.Done, databaseOf(path) + ": " + want + "\n", ""}) {
			t.Errorf("got %+v, want %s", r, want)
		}
	}
	other := writeConfig(t, "")
	if r := do(t, "db", "migrate", "--json", "--config", other); r != (result{cli.Done, fmt.Sprintf("{\n  \"from\": 0,\n  \"to\": %d\n}\n", version), ""}) {
		t.Errorf("no database: got %+v, want it made", r)
	}
}

func TestDBUsageErrors(t *testing.T) {
	path := writeConfig(t, "[nats]\nlisten = \"127.0.0.1:1\"\n")
	none := writeConfig(t, "")
	newDatabase(t, path)
	unlock, err := lock.Acquire(databaseOf(path))
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	for _, test := range []struct {
		name   string
		args   []string
		status int
		stderr string
	}{
		{"no file", []string{"backup"}, cli.Usage, "expected one argument, the new file, got 0"},
		{"an invalid duration", []string{"prune", "--jobs", "soon"}, cli.Usage, `--jobs: "soon" is not a duration`},
		{"too short a time", []string{"prune", "--events", "1h"}, cli.Usage, "--events: must be 0s (no limit) or at least 1d, got 1h0m0s"},
		{"a worker that does not answer", []string{"prune"}, cli.Failed, "no orderbeat worker responds at nats://127.0.0.1:1"},
		{"no database to back up", []string{"backup", "x.db", "--config", none}, cli.Failed, "there is no database at "},
		{"no database to check", []string{"check", "--config", none}, cli.Failed, "there is no database at "},
		{"no database to prune", []string{"prune", "--config", none}, cli.Failed, "there is no database at "},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := do(t, append([]string{"--config", path, "db"}, test.args...)...)
			if got.status != test.status || !strings.Contains(got.stderr, test.stderr) || got.stdout != "" {
				t.Errorf("got %+v, want status %d and %s", got, test.status, test.stderr)
			}
		})
	}
	if _, err := os.Stat(filepath.Dir(databaseOf(none))); err == nil {
		t.Error("a folder was made for a database that is not there")
	}
}

func TestDBRestore(t *testing.T) {
	path, _ := furnished(t)
	copied := filepath.Join(t.TempDir(), "copy.db")
	if r := do(t, "db", "backup", copied, "--config", path); r.status != cli.Done {
		t.Fatal(r)
	}
	unlock, err := lock.Acquire(databaseOf(path))
	if err != nil {
		t.Fatal(err)
	}
	if r := do(t, "db", "restore", copied, "--config", path); r.status != cli.Failed || !strings.Contains(r.stderr, "in use by another orderbeat") {
		t.Errorf("got %+v, want it refused while a worker has the database", r)
	}
	unlock()
	other := writeConfig(t, "")
	r := do(t, "db", "restore", copied, "--config", other)
	if r.status != cli.Done || !strings.HasPrefix(r.stdout, databaseOf(other)+": restored from "+copied+", ") || strings.Contains(r.stdout, "old database") {
		t.Errorf("got %+v, want it restored where there was none", r)
	}
	if r := do(t, "orders", "--config", other); strings.Count(r.stdout, "michelin") != 3 {
		t.Errorf("got %+v, want three orders", r)
	}
	r = do(t, "db", "restore", copied, "--json", "--config", other)
	var reply sqlite.Restored
	if err := json.Unmarshal([]byte(r.stdout), &reply); err != nil || reply.Before == "" || reply.Version == 0 {
		t.Errorf("got %+v, %v", r, err)
	}
	if r := do(t, "db", "restore", path, "--config", other); r.status != cli.Failed || !strings.Contains(r.stderr, "not an SQLite database") {
		t.Errorf("got %+v, want what is no database refused", r)
	}
}
