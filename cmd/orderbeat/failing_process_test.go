package main // an inside test: a main package cannot be imported

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"orderbeat/clients/sandbox"
	"orderbeat/cmd/orderbeat/cli"
	"orderbeat/jobs"
)

// TestSIGTERMLetsRunningJobsFinish stops a process during a job, with another one queued.
func TestSIGTERMLetsRunningJobsFinish(t *testing.T) {
	t.Parallel()
	folder, stand := t.TempDir(), newStand(t, sandbox.Options{})
	config := suppliers(t, folder, stand.section(t, folder, "michelin", "concurrency = 1"))
	s := startProcess(t, config).supplier(t, stand, "michelin")
	release := s.hold()
	run := s.start(window(0))
	s.eventually("a job is in hand", func() bool { return len(s.calls(healthy)) == 1 })
	ended := make(chan int, 1)
	go func() { ended <- s.stop() }()
	s.eventually("it is stopping", func() bool { return strings.Contains(s.logged.String(), `"msg":"stopping"`) })
	release()
	if code := <-ended; code != cli.Done {
		t.Errorf("got exit status %d, want %d", code, cli.Done)
	}
	if d, n := len(s.calls(healthy)), len(s.calls(struck)); d != 1 || n != 0 {
		t.Errorf("got %d and %d calls, want no job begun after SIGTERM", d, n)
	}
	if j := s.job(run, "detroit"); j.State != jobs.Succeeded || j.Attempts != 1 || len(s.orders("detroit")) != j.Orders.Created || j.Orders.Created == 0 {
		t.Errorf("detroit: got %+v and %d orders, want the job in hand finished", j, len(s.orders("detroit")))
	}
	if j := s.job(run, "toledo"); j.State != jobs.Queued || j.Attempts != 0 {
		t.Errorf("toledo: got %+v, want it not begun", j)
	}
	if left := s.column("SELECT subject FROM outbox"); len(left) != 0 {
		t.Errorf("the outbox holds %v, want it flushed", left)
	}

	s = startProcess(t, config).supplier(t, stand, "michelin")
	again := s.result(1)
	if again.ID != run.ID || again.State != jobs.Succeeded || again.Jobs.Succeeded != 2 {
		t.Errorf("got %+v, want the same run to its end", again)
	}
	if d, n := len(s.calls(healthy)), len(s.calls(struck)); d != 1 || n != 1 {
		t.Errorf("got %d and %d calls, want each account asked once", d, n)
	}
	s.alarms()
	s.toldOnce()
}

// TestCorruptDatabaseAcknowledgesNothing corrupts a page that a job's outcome needs, and
// restores it; then it overwrites the file header.
func TestCorruptDatabaseAcknowledgesNothing(t *testing.T) {
	t.Parallel()
	folder, stand := t.TempDir(), newStand(t, sandbox.Options{})
	config := suppliers(t, folder, stand.section(t, folder, "michelin", ""))
	s := startHere(t, config).supplier(t, stand, "michelin")
	s.sync(window(0), 1)
	page, err := strconv.ParseInt(s.column("SELECT rootpage FROM sqlite_master WHERE name = 'orders'")[0], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	s.stop()

	mend := spoil(t, config, page)
	s = startHere(t, config).supplier(t, stand, "michelin")
	run := s.start(window(1))
	const wayOn = "restore a backup (orderbeat db restore)"
	s.eventually("it is not ready, and says why", func() bool {
		resp, err := http.Get(s.web + "/readyz")
		if err != nil {
			return false
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		return err == nil && resp.StatusCode == http.StatusServiceUnavailable && strings.Contains(string(body), "malformed") && strings.Contains(string(body), wayOn)
	})
	s.eventually("the log says that an outcome could not be kept", func() bool {
		return strings.Contains(s.logged.String(), "failed to store a job's outcome, the job is retried") && strings.Contains(s.logged.String(), wayOn)
	})
	for _, account := range []string{"detroit", "toledo"} {
		if j := s.job(run, account); j.State != jobs.Running || j.Attempts != 0 {
			t.Errorf("got %+v, want the job open", j)
		}
	}
	if code := s.stop(); code != cli.Done {
		t.Errorf("got exit status %d, want it stopped as ever", code)
	}

	mend()
	calls := len(s.calls(healthy))
	s = startHere(t, config).supplier(t, stand, "michelin")
	if again := s.result(2); again.ID != run.ID || again.State != jobs.Succeeded || again.Orders.Created == 0 || again.Jobs.Total != 2 {
		t.Errorf("got %+v, want the same run to its end", again)
	}
	if len(s.calls(healthy)) != calls+1 {
		t.Errorf("got %d calls for detroit, want one more", len(s.calls(healthy))-calls)
	}
	s.alarms()
	s.toldOnce()
	s.stop()

	mend = spoil(t, config, 1)
	if r := do(t, "--config", config, "run"); r.status != cli.Failed || !strings.Contains(r.stderr, "db.path") ||
		!strings.Contains(r.stderr, "file is not a database") || !strings.Contains(r.stderr, wayOn) {
		t.Errorf("got status %d, %s, want it refused, with what to do", r.status, r.stderr)
	}
	mend()
	s = startHere(t, config).supplier(t, stand, "michelin")
	if run := s.sync(window(1), 3); run.State != jobs.Succeeded || run.Orders.Unchanged == 0 || run.Orders.Created+run.Orders.Changed != 0 {
		t.Errorf("got %+v, want everything as it was", run)
	}
	s.toldOnce()
}

// spoil overwrites a page, counted from 1, of the database of a stopped program, and returns a
// function that restores it.
func spoil(t *testing.T, config string, page int64) (mend func()) {
	t.Helper()
	const size = 4096
	path := filepath.Join(filepath.Dir(config), "data", "orderbeat.db")
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	before, at := make([]byte, size), (page-1)*size
	if _, err := file.ReadAt(before, at); err != nil {
		t.Fatal(err)
	}
	write := func(p []byte) {
		t.Helper()
		if _, err := file.WriteAt(p, at); err != nil {
			t.Fatal(err)
		}
	}
	write([]byte(strings.Repeat("damage! ", size/8)))
	return func() { write(before) }
}

// TestKillRepeatsNoEffects kills a process (SIGKILL) after the first of its jobs, with one
// account rejected.
func TestKillRepeatsNoEffects(t *testing.T) {
	t.Parallel() // waits until the server redelivers the running job
	const runs = 4
	folder, stand := t.TempDir(), newStand(t, sandbox.Options{})
	config := suppliers(t, folder, stand.section(t, folder, "michelin", "concurrency = 1"))
	s := startProcess(t, config).supplier(t, stand, "michelin")
	s.fault(`{"op":"order_status","account":"` + struck + `","status":403,"times":-1}`)
	for n := range runs {
		s.start(window(n))
	}
	s.eventually("a job of each account has ended", func() bool { return s.count("jobs WHERE state IN ('succeeded', 'failed')") >= 2 })
	s.kill()

	s = startProcess(t, config).supplier(t, stand, "michelin")
	for n := range runs {
		run := s.result(n + 1)
		if run.State != jobs.Partial || run.Jobs.Succeeded != 1 || run.Jobs.Failed != 1 || run.Orders.Created == 0 {
			t.Errorf("got %+v, want detroit's orders of every run", run)
		}
	}
	if asked := len(s.calls(healthy)) + len(s.calls(struck)); asked > 2*runs+1 {
		t.Errorf("got %d calls for %d jobs, want none repeated but the one in hand", asked, 2*runs)
	}
	if twice := s.column("SELECT order_id FROM orders WHERE revision > 1"); len(twice) != 0 {
		t.Errorf("orders %v changed, want each created and no more", twice)
	}
	s.alarms("forbidden toledo raised")
	s.toldOnce()
	if n := s.inStream("ORDERBEAT_RESULTS", "results"); n != runs {
		t.Errorf("got %d results, want %d", n, runs)
	}
}
