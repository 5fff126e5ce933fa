package db_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"orderbeat/db"
	"orderbeat/db/dbtest"
)

// insertTick inserts one row.
func insertTick(run db.Exec, n int) error {
	_, err := run("INSERT INTO ticks (schedule, due_at, outcome) VALUES ('s', ?, 'started')", strconv.Itoa(n))
	return err
}

func ticks(t *testing.T, d *db.DB) int {
	t.Helper()
	value, err := d.Inspect().Value(context.WithoutCancel(t.Context()), "SELECT count(*) FROM ticks")
	if err != nil {
		t.Fatal(err)
	}
	n, _ := strconv.Atoi(value)
	return n
}

// held blocks the writer until release is called.
func held(t *testing.T, d *db.DB) (release func()) {
	t.Helper()
	begun, end := make(chan struct{}), make(chan struct{})
	var leader sync.WaitGroup
	leader.Go(func() {
		_ = d.Write(context.WithoutCancel(t.Context()), false, func(db.Exec) error {
			close(begun)
			<-end
			return nil
		})
	})
	<-begun
	return func() { close(end); leader.Wait() }
}

// until polls until a condition holds.
func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("timeout: %s", what)
		}
	}
}

func TestWaitingOperationsShareATransaction(t *testing.T) {
	d := dbtest.Open(t)
	release := held(t, d)
	const n = 100
	var callers sync.WaitGroup
	commits := make(chan string, n)
	for i := range n {
		callers.Go(func() {
			err := d.Write(t.Context(), false, func(run db.Exec) error {
				if err := insertTick(run, i); err != nil {
					return err
				}
				// The number of the transaction: a new one only sees the rows of earlier ones.
				seen, err := d.Inspect().Value(t.Context(), "SELECT count(*) FROM ticks")
				commits <- seen
				return err
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	until(t, "all wait", func() bool { return d.Inspect().Waiting() == n })
	release()
	callers.Wait()
	if got := ticks(t, d); got != n {
		t.Errorf("got %d rows, want %d", got, n)
	}
	close(commits)
	for seen := range commits {
		if seen != "0" {
			t.Fatalf("an operation ran when %s others were committed: want all in one transaction", seen)
		}
	}
}

func TestFailingOperationDoesNotAffectOthers(t *testing.T) {
	d := dbtest.Open(t)
	release := held(t, d)
	mistake := errors.New("a mistake")
	var callers sync.WaitGroup
	for i := range 20 {
		callers.Go(func() {
			err := d.Write(t.Context(), false, func(run db.Exec) error {
				if err := insertTick(run, i); err != nil {
					return err
				}
				switch i {
				case 7:
					return mistake
				case 8:
					return insertTick(run, i) // violates the primary key
				}
				return nil
			})
			switch {
			case i == 7 && !errors.Is(err, mistake), i == 8 && err == nil:
				t.Errorf("operation %d: got %v, want its own error", i, err)
			case i != 7 && i != 8 && err != nil:
				t.Errorf("operation %d: %v", i, err)
			}
		})
	}
	until(t, "all wait", func() bool { return d.Inspect().Waiting() == 20 })
	release()
	callers.Wait()
	if got := ticks(t, d); got != 18 {
		t.Errorf("got %d rows, want those of the 18 that succeeded", got)
	}
}

func TestPanicOnlyFailsItsOperation(t *testing.T) {
	d := dbtest.Open(t)
	err := d.Write(t.Context(), false, func(run db.Exec) error {
		_ = insertTick(run, 1)
		panic("oops")
	})
	if err == nil || !strings.Contains(err.Error(), "panic: oops") || !strings.Contains(err.Error(), "writer_test.go") {
		t.Errorf("got %v, want the panic and its stack", err)
	}
	if err := d.Write(t.Context(), false, func(run db.Exec) error { return insertTick(run, 2) }); err != nil {
		t.Errorf("the next operation: %v", err)
	}
	if got := ticks(t, d); got != 1 {
		t.Errorf("got %d rows, want that of the operation that did not panic", got)
	}
}

func TestManyCallersAtOnce(t *testing.T) {
	d := dbtest.Open(t)
	var callers sync.WaitGroup
	for i := range 64 {
		callers.Go(func() {
			for j := range 20 {
				ctx, cancel := context.WithCancel(t.Context())
				if j%5 == 0 {
					cancel() // some are cancelled immediately
				}
				err := d.Write(ctx, j%3 == 0, func(run db.Exec) error { return insertTick(run, i*100+j) })
				if (j%5 == 0) != errors.Is(err, context.Canceled) {
					t.Errorf("got %v", err)
				}
				cancel()
			}
		})
	}
	callers.Wait()
	if got, want := ticks(t, d), 64*16; got != want {
		t.Errorf("got %d rows, want %d", got, want)
	}
}

func TestCancelledCallerLeavesTheQueue(t *testing.T) {
	d := dbtest.Open(t)
	release := held(t, d)
	ctx, cancel := context.WithCancel(t.Context())
	left := make(chan error)
	go func() { left <- d.Write(ctx, false, func(run db.Exec) error { return insertTick(run, 1) }) }()
	until(t, "it waits", func() bool { return d.Inspect().Waiting() == 1 })
	cancel()
	if err := <-left; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want that the caller left", err)
	}
	release()
	if got := ticks(t, d); got != 0 {
		t.Errorf("an operation ran although its caller had left")
	}
}

// TestFullDiskFailsAllOperations limits the file size, which fails like a full disk.
func TestFullDiskFailsAllOperations(t *testing.T) {
	d := dbtest.Open(t)
	if err := d.OnWriter(t.Context(), "PRAGMA max_page_count = 1"); err != nil { // the current size
		t.Fatal(err)
	}
	large := fmt.Sprintf("%0100000d", 1)
	var callers sync.WaitGroup
	for i := range 8 {
		callers.Go(func() {
			err := d.Write(t.Context(), false, func(run db.Exec) error {
				_, err := run("INSERT INTO ticks (schedule, due_at, outcome, reason) VALUES ('s', ?, 'started', ?)", strconv.Itoa(i), large)
				return err
			})
			if err == nil {
				t.Error("a full disk is no error")
			}
		})
	}
	callers.Wait()
	if got := ticks(t, d); got != 0 {
		t.Errorf("got %d rows of transactions that failed", got)
	}
	if err := d.OnWriter(t.Context(), "PRAGMA max_page_count = 1000000"); err != nil {
		t.Fatal(err)
	}
	if err := d.Write(t.Context(), false, func(run db.Exec) error { return insertTick(run, 1) }); err != nil {
		t.Errorf("there is room again: %v", err)
	}
}

// TestFailedCommitFailsAllOperations violates a deferred constraint.
func TestFailedCommitFailsAllOperations(t *testing.T) {
	d := dbtest.Open(t)
	release := held(t, d)
	var callers sync.WaitGroup
	for i := range 4 {
		callers.Go(func() {
			err := d.Write(t.Context(), false, func(run db.Exec) error {
				if i == 2 {
					if _, err := run("PRAGMA defer_foreign_keys = on"); err != nil {
						return err
					}
					_, err := run(`INSERT INTO jobs (job_id, run_id, provider, account, kind, question, state, planned_at)
						VALUES ('j', 'no such run', '', '', '', '{}', 'queued', '')`)
					return err
				}
				return insertTick(run, i)
			})
			if err == nil {
				t.Errorf("operation %d succeeded though the commit failed", i)
			}
		})
	}
	until(t, "all wait", func() bool { return d.Inspect().Waiting() == 4 })
	release()
	callers.Wait()
	if got := ticks(t, d); got != 0 {
		t.Errorf("got %d rows of a transaction that failed", got)
	}
	if err := d.Write(t.Context(), false, func(run db.Exec) error { return insertTick(run, 1) }); err != nil {
		t.Errorf("the connection is not usable any more: %v", err)
	}
}

// TestOnlyRelaxedCommitsSkipFsync reads the synchronous mode of the last commit.
func TestOnlyRelaxedCommitsSkipFsync(t *testing.T) {
	d := dbtest.Open(t)
	for _, relaxed := range []bool{true, false, true, true, false, false} {
		if err := d.Write(t.Context(), relaxed, func(db.Exec) error { return nil }); err != nil {
			t.Fatal(err)
		}
		got, err := d.WriterValue(t.Context(), "PRAGMA synchronous")
		want := map[bool]string{true: "1", false: "2"}[relaxed] // normal, full
		if got != want || err != nil {
			t.Errorf("relaxed %v: synchronous is %s, want %s, %v", relaxed, got, want, err)
		}
	}
}

func TestWriteFailsAfterClose(t *testing.T) {
	d := dbtest.Open(t)
	release := held(t, d)
	closed := make(chan error)
	go func() { closed <- d.Close() }()
	release()
	if err := <-closed; err != nil {
		t.Fatal(err)
	}
	if err := d.Write(t.Context(), false, func(db.Exec) error { return nil }); err == nil {
		t.Error("wrote to a closed database")
	}
}
