//go:build unix

package db_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"orderbeat/auth"
	"orderbeat/db"
	"orderbeat/db/dbtest"
	"orderbeat/jobs"
)

// childTokens is the environment variable with the database path for a child process.
const childTokens = "ORDERBEAT_TEST_TOKENS_DB"

const (
	processes  = 3
	goroutines = 8  // per process
	renewals   = 10 // per goroutine
)

// renewForATime renews one token from several goroutines and prints the number of lost leases.
func renewForATime(path string) error {
	ctx := context.Background()
	d, err := db.OpenTokens(ctx, db.Options{Path: path})
	if err != nil {
		return err
	}
	var rejected atomic.Int64
	errs := make([]error, goroutines)
	var wg sync.WaitGroup
	for i := range goroutines {
		wg.Go(func() {
			errs[i] = renew(ctx, d.Tokens(), path+".witness", fmt.Sprintf("%d.%d", os.Getpid(), i), &rejected)
		})
	}
	wg.Wait()
	fmt.Println(rejected.Load())
	return errors.Join(append(errs, d.Close())...)
}

// renew takes the lease repeatedly and commits the next generation. The holder of the lease also locks the
// witness, a lock outside of the database, to prove mutual exclusion.
func renew(ctx context.Context, s auth.Store, witness, owner string, rejected *atomic.Int64) error {
	file, err := os.OpenFile(witness, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	defer file.Close()
	for done := 0; done < renewals; {
		row, err := s.Load(ctx, "mazda/test/johndoe")
		if err != nil {
			return err
		}
		now := time.Now()
		l := auth.Lease{Key: row.Key, Provider: "mazda", Generation: row.Generation, Owner: owner, At: now, Until: now.Add(time.Hour)}
		won, err := s.Lease(ctx, l)
		if err != nil {
			return err
		}
		if !won {
			rejected.Add(1)
			continue
		}
		if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
			return fmt.Errorf("%s has the lease of generation %d, and so has somebody else: %w", owner, l.Generation, err)
		}
		row.Generation++
		row.Logins++
		if err := syscall.Flock(int(file.Fd()), syscall.LOCK_UN); err != nil {
			return err
		}
		if took, err := s.Commit(ctx, l, row); !took || err != nil {
			return fmt.Errorf("%s has the lease of generation %d, and its commit was taken: %v, %w", owner, l.Generation, took, err)
		}
		done++
	}
	return nil
}

// TestProcessesShareTokens runs processes that contend for the lease of one token while a worker commits
// jobs continuously and performs a live job.
func TestProcessesShareTokens(t *testing.T) {
	path := filepath.Join(t.TempDir(), "orderbeat.db")
	d := dbtest.OpenAt(t, path)
	inline, js := dbtest.Plan(1)
	if err := d.StartInline(t.Context(), inline, js[0]); err != nil {
		t.Fatal(err)
	}
	stop := make(chan struct{})
	var worker sync.WaitGroup
	committed := 0
	worker.Go(func() {
		for ; ; committed++ {
			select {
			case <-stop:
				return
			default:
			}
			run, js := dbtest.Plan(1)
			if _, _, err := d.StartRun(t.Context(), run, js); err != nil {
				t.Error(err)
				return
			}
			if _, err := d.Commit(t.Context(), dbtest.Succeeded(js[0], dbtest.Noon.Add(time.Duration(committed)*time.Second), dbtest.Order("SO1", committed%2 == 0))); err != nil {
				t.Error(err)
				return
			}
		}
	})
	begun := time.Now()
	children, outputs := make([]*exec.Cmd, processes), make([]strings.Builder, processes)
	for i := range children {
		children[i] = exec.CommandContext(t.Context(), os.Args[0])
		children[i].Env = append(os.Environ(), childTokens+"="+path)
		children[i].Stdout, children[i].Stderr = &outputs[i], os.Stderr
		if err := children[i].Start(); err != nil {
			t.Fatal(err)
		}
	}
	contention := 0
	for i, child := range children {
		if err := child.Wait(); err != nil {
			t.Errorf("process %d: %v", i, err)
		}
		rejected, _ := strconv.Atoi(strings.TrimSpace(outputs[i].String()))
		contention += rejected
	}
	took := time.Since(begun)
	close(stop)
	worker.Wait()

	if row := loadToken(t, d, "mazda/test/johndoe"); row.Generation != processes*goroutines*renewals || row.Logins != row.Generation || row.LeaseOwner != "" {
		t.Errorf("got generation %d, %d logins, lease of %q, want %d renewals", row.Generation, row.Logins, row.LeaseOwner, processes*goroutines*renewals)
	}
	if contention == 0 || committed == 0 {
		t.Errorf("%d leases rejected, %d jobs committed: no contention", contention, committed)
	}
	if run, _, err := d.Run(t.Context(), inline.ID); run.State != jobs.Running || err != nil {
		t.Errorf("the job that is performed in line is %s, %v: somebody else ended it", run.State, err)
	}
	t.Logf("%d renewals and %d jobs in %s, %d leases rejected", processes*goroutines*renewals, committed, took.Round(time.Millisecond), contention)
}

func TestOpenTokensRequiresAnExistingDatabase(t *testing.T) {
	path := filepath.Join(t.TempDir(), "orderbeat.db")
	if _, err := db.OpenTokens(t.Context(), db.Options{Path: path}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: got %v", err)
	}
	if _, err := os.Stat(path); err == nil {
		t.Fatal("it made the file")
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := db.OpenTokens(t.Context(), db.Options{Path: path}); err == nil || !strings.Contains(err.Error(), "version 0") {
		t.Errorf("an empty file: got %v", err)
	}
	path = dbtest.Blank(t)
	if _, err := db.OpenTokens(t.Context(), db.Options{Path: path, Synchronous: "off"}); err == nil {
		t.Error("took a wrong synchronous")
	}
	d, err := db.OpenTokens(t.Context(), db.Options{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if err := d.Ping(t.Context()); err != nil {
		t.Error(err)
	}
	run, js := dbtest.Plan(1)
	if _, _, err := d.StartRun(t.Context(), run, js); err == nil {
		t.Error("started a run in a database that is open for its tokens")
	}
}
