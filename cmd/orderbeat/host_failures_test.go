//go:build linux

package main // an inside test: a main package cannot be imported

import (
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sys/unix"

	"orderbeat/cmd/orderbeat/cli"
)

// hardship is the duration of each failure: longer than the timeout of one attempt.
const hardship = 6500 * time.Millisecond

func TestDiskFull(t *testing.T) {
	t.Parallel() // mostly waits
	for name, at := range map[string]string{"of everything": "data", "of NATS alone": "data/nats"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o, folder := newOutside(t), t.TempDir()
			full := filepath.Join(folder, at)
			if err := os.MkdirAll(full, 0o700); err != nil {
				t.Fatal(err)
			}
			if err := syscall.Mount("tmpfs", full, "tmpfs", 0, "size=24m,mode=700"); err != nil {
				t.Skipf("only root can mount a small disk: %v; the test of large files has to do", err)
			}
			t.Cleanup(func() { _ = syscall.Unmount(full, syscall.MNT_DETACH) })
			m := enlist(t, steady(t, folder, o, fmt.Sprintf("listen = \"127.0.0.1:%s\"", freePort(t))))
			m.says("run finished", 3)
			filler, err := os.Create(filepath.Join(full, "filler"))
			if err != nil {
				t.Fatal(err)
			}
			named := func() error {
				err := notReady(t, m, "nats: the embedded NATS cannot write its store: ")
				if err != nil && at == "data" { // both lack space: what is named first depends on who wrote first
					err = notReady(t, m, "database: write: ")
				}
				return err
			}
			for begun := time.Now(); time.Since(begun) < hardship || named() != nil; time.Sleep(100 * time.Millisecond) {
				for {
					if _, err := filler.Write(make([]byte, 4096)); err != nil {
						break // fill space that others freed, too
					}
				}
				if time.Since(begun) > 5*hardship {
					t.Fatal(named())
				}
			}
			if err := named(); err != nil {
				t.Error(err)
			}
			if err := filler.Truncate(0); err != nil {
				t.Fatal(err)
			}
			well(t, m, o)
		})
	}
}

// TestFileSizeLimit simulates a full disk without mounting one: no file can grow beyond its
// first kilobytes.
func TestFileSizeLimit(t *testing.T) {
	t.Parallel() // mostly waits
	o, folder := newOutside(t), t.TempDir()
	m := enlist(t, steady(t, folder, o, fmt.Sprintf("listen = \"127.0.0.1:%s\"", freePort(t))))
	m.says("run finished", 3)
	limit := func(bytes uint64) {
		t.Helper()
		if err := unix.Prlimit(m.cmd.Process.Pid, unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: bytes, Max: unix.RLIM_INFINITY}, nil); err != nil {
			t.Fatal(err)
		}
	}
	limit(2048)
	time.Sleep(hardship)
	m.eventually("it is not ready", func() bool { return notReady(t, m, "write") == nil })
	limit(unix.RLIM_INFINITY)
	well(t, m, o)
}

func TestDatabaseLockedByAnotherProcess(t *testing.T) {
	t.Parallel() // mostly waits
	o, folder := newOutside(t), t.TempDir()
	m := enlist(t, steady(t, folder, o, fmt.Sprintf("listen = \"127.0.0.1:%s\"", freePort(t))))
	m.says("run finished", 3)
	file, err := sql.Open("sqlite3", "file:"+databaseOf(m.config)+"?_busy_timeout=10000&_txlock=exclusive")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	tx, err := file.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(hardship)
	if err := notReady(t, m, "database: write: "); err != nil {
		t.Error(err)
	}
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	well(t, m, o)
}

// TestNATSStopped stops NATS for 15 seconds, longer than the lease, or for $ORDERBEAT_TEST_AWAY.
func TestNATSStopped(t *testing.T) {
	t.Parallel() // mostly waits
	away := 15 * time.Second
	if text := os.Getenv("ORDERBEAT_TEST_AWAY"); text != "" {
		var err error
		if away, err = time.ParseDuration(text); err != nil {
			t.Fatal(err)
		}
	}
	o, depot, folder := newOutside(t), newDepot(t), t.TempDir()
	m := enlist(t, steady(t, folder, o, fmt.Sprintf("url = %q", depot.server.ClientURL())))
	m.says("run finished", 3)
	o.post("/_sandbox/fault", `{"op":"order_status","delay":"3s","times":2}`) // running when NATS stops
	m.eventually("jobs are in hand", func() bool { return m.value("SELECT count(*) FROM jobs WHERE state = 'running'") != "0" })
	depot.stop()
	stopped := time.Now()
	m.eventually("what was in hand is committed", func() bool { return m.value("SELECT count(*) FROM jobs WHERE state = 'running'") == "0" })
	time.Sleep(away - time.Since(stopped))
	if err := notReady(t, m, "nats: "); err != nil {
		t.Error(err)
	}
	if due := m.value("SELECT count(*) FROM ticks WHERE outcome = 'started' AND due_at > ?", stopped.UTC().Format(time.RFC3339)); due < "1" {
		t.Errorf("got %s due times recorded while NATS was away", due)
	}
	depot.start()
	well(t, m, o)
}

// notReady returns nil if /readyz fails for this reason and the process is alive.
func notReady(t *testing.T, m *member, reason string) error {
	t.Helper()
	if status, page := m.get("/healthz"); status != 200 {
		return fmt.Errorf("/healthz: got %d %s", status, page)
	}
	if status, page := m.get("/readyz"); status != 503 || !strings.Contains(page, reason) {
		return fmt.Errorf("/readyz: got %d %s, want 503 and %q", status, page, reason)
	}
	return nil
}

// well waits for full recovery: the worker is ready, every due time has a run that ended, every
// event is in the stream once, and the stored orders are those of the server.
func well(t *testing.T, m *member, o *outside) {
	t.Helper()
	m.eventually("it is ready", func() bool { status, _ := m.get("/readyz"); return status == 200 })
	o.stopClock()
	settled := time.Now().UTC().Format(time.RFC3339)
	m.eventually("runs from before, and some after, ended", func() bool {
		return m.value("SELECT count(*) FROM runs WHERE state IN ('queued', 'running') AND requested_at <= ?", settled) == "0" &&
			m.value("SELECT count(*) FROM ticks WHERE run_id IS NULL AND due_at <= ?", settled) == "0" &&
			m.value("SELECT count(*) >= 2 FROM runs WHERE state = 'succeeded' AND requested_at > ?", settled) == "1"
	})
	if status := m.stop(); status != cli.Done {
		t.Errorf("got exit status %d, want %d", status, cli.Done)
	}
	for what, query := range map[string]string{
		"due times that are not one second after another": `SELECT count(*) FROM (SELECT due_at - lag(due_at) OVER (ORDER BY due_at) AS step
			FROM (SELECT unixepoch(due_at) AS due_at FROM ticks)) WHERE step <> 1`,
		"due times without a run": "SELECT count(*) FROM ticks AS t WHERE NOT EXISTS (SELECT 1 FROM runs AS r WHERE r.run_id = t.run_id) AND due_at <= '" + settled + "'",
		"runs of no due time":     "SELECT count(*) FROM runs AS r WHERE NOT EXISTS (SELECT 1 FROM ticks AS t WHERE r.run_id = t.run_id)",
		"jobs that failed":        "SELECT count(*) FROM jobs WHERE state NOT IN ('succeeded', 'queued')",
	} {
		if n := m.value(query); n != "0" {
			t.Errorf("%s: %s", what, n)
		}
	}
	t.Logf("%s due times, %s of them late; %s orders, %s events", m.value("SELECT count(*) FROM ticks"),
		m.value("SELECT count(*) FROM ticks WHERE outcome = 'caught_up'"), m.value("SELECT count(*) FROM orders"), m.value("SELECT count(*) FROM order_events"))
	alter(t, m.config, "SELECT 1") // a writer checkpoints the WAL
	if r := do(t, "--config", m.config, "db", "check"); r.status != cli.Done {
		t.Errorf("db check: %s%s", r.stdout, r.stderr)
	}

	again := enlist(t, m.config)
	again.says("orderbeat is running", 1)
	toldOnce(t, again)
	again.stop()
	sameAsFresh(t, again, o)
}

// toldOnce checks that each event is in the stream once and in order.
func toldOnce(t *testing.T, m *member) {
	t.Helper()
	m.eventually("the outbox is empty", func() bool { return m.value("SELECT count(*) FROM outbox") == "0" })
	_, url, _ := strings.Cut(m.logged.String(), `"nats":"`)
	url, _, _ = strings.Cut(url, `"`)
	p := &program{t: t, config: m.config}
	var err error
	if p.conn, err = connectNATS(p.t, p.config, url); err != nil {
		t.Fatal(err)
	}
	defer p.conn.Close()
	if p.js, err = jetstream.New(p.conn); err != nil {
		t.Fatal(err)
	}
	n := p.count("order_events")
	p.inStep(p.events(n))
	if in := p.messages("ORDERBEAT_ORDERS"); in != n+p.count("late_notices") {
		t.Errorf("got %d events in the stream, %d in the history", in, n)
	}
	results := map[string]bool{}
	in := p.messages("ORDERBEAT_RESULTS")
	for _, msg := range p.fetch("ORDERBEAT_RESULTS", in) {
		results[msg.Subject()] = true
	}
	if len(results) != in {
		t.Errorf("got %d results of %d runs", in, len(results))
	}
}

// sameAsFresh compares the orders with those of a new worker with a sandbox whose clock stands
// still.
func sameAsFresh(t *testing.T, m *member, o *outside) {
	t.Helper()
	fresh := enlist(t, steady(t, t.TempDir(), o, fmt.Sprintf("listen = \"127.0.0.1:%s\"", freePort(t))))
	fresh.says("run finished", 1)
	fresh.stop()
	const documents = "SELECT json_group_object(account || ' ' || order_id, document) FROM (SELECT * FROM orders WHERE order_id IN (SELECT value FROM json_each(?)) ORDER BY account, order_id)"
	ids := fresh.value("SELECT json_group_array(order_id) FROM orders")
	want, got := fresh.value(documents, ids), m.value(documents, ids)
	if want != got || len(ids) < 20 {
		t.Errorf("the orders are not what the stand-in tells:\ngot  %.2000s\nwant %.2000s", got, want)
	}
}
