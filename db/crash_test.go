package db_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"orderbeat/db"
	"orderbeat/db/dbtest"
)

// childPath is the environment variable with the database path for a child process.
const childPath = "ORDERBEAT_TEST_CRASH_DB"

func TestMain(m *testing.M) {
	if path := os.Getenv(childPath); path != "" {
		if err := commitForEver(path); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
		os.Exit(1)
	}
	if path := os.Getenv(childPrune); path != "" {
		if err := pruneAndTell(path); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
		os.Exit(1)
	}
	if path := os.Getenv(childTokens); path != "" {
		if err := renewForATime(path); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	if path := os.Getenv(childRead); path != "" {
		if err := readForATime(path); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// commitForEver commits jobs with three orders each, eight at a time, and prints each job id after its
// commit.
func commitForEver(path string) error {
	ctx := context.Background()
	d, err := db.Open(ctx, db.Options{Path: path})
	if err != nil {
		return err
	}
	run, js := dbtest.Plan(2000)
	if _, _, err := d.StartRun(ctx, run, js); err != nil {
		return err
	}
	var committers sync.WaitGroup
	for c := range 8 {
		committers.Go(func() {
			for i := c; i < len(js); i += 8 {
				if _, err := d.Claim(ctx, js[i].Provider, dbtest.Noon, 1); err != nil {
					panic(err)
				}
				// Every job changes the third order.
				if _, err := d.Commit(ctx, dbtest.Succeeded(js[i], dbtest.Noon, dbtest.Order(fmt.Sprintf("A%06d", i), false),
					dbtest.Order(fmt.Sprintf("B%06d", i), false), dbtest.Order("C", i%2 == 0))); err != nil {
					panic(err)
				}
				fmt.Println(js[i].ID)
			}
		})
	}
	committers.Wait()
	return nil
}

func TestAcknowledgedCommitsSurviveAKill(t *testing.T) {
	path := filepath.Join(t.TempDir(), "orderbeat.db")
	for _, acknowledged := range []int{1, 300} {
		done := killAfter(t, path, acknowledged)
		d := dbtest.OpenAt(t, path)
		if got, err := d.Inspect().Value(t.Context(), "PRAGMA integrity_check"); got != "ok" || err != nil {
			t.Fatalf("integrity check: %s, %v", got, err)
		}
		for _, id := range done {
			got, err := d.Inspect().Value(t.Context(), `SELECT state || ' ' || (SELECT count(*) FROM order_events WHERE job_id = j.job_id AND order_id <> 'C')
				FROM jobs AS j WHERE job_id = ?`, id)
			if got != "succeeded 2" && got != "succeeded 0" || err != nil { // not created if an earlier process stored them
				t.Fatalf("job %s was acknowledged: got %q, %v", id, got, err)
			}
		}
		for what, query := range map[string]string{
			"orders without all of their events":        `SELECT count(*) FROM orders AS o WHERE revision <> (SELECT count(*) FROM order_events AS e WHERE e.provider = o.provider AND e.account = o.account AND e.order_id = o.order_id)`,
			"events without a message":                  `SELECT count(*) FROM order_events WHERE id NOT IN (SELECT event FROM outbox WHERE event IS NOT NULL)`,
			"orders without their lines":                `SELECT count(*) FROM orders AS o WHERE 2 <> (SELECT count(*) FROM order_lines AS l WHERE l.provider = o.provider AND l.account = o.account AND l.order_id = o.order_id)`,
			"runs that count other jobs than ended":     `SELECT count(*) FROM runs AS r WHERE jobs_succeeded <> (SELECT count(*) FROM jobs AS j WHERE j.run_id = r.run_id AND state = 'succeeded')`,
			"runs that count other orders than tallied": `SELECT count(*) FROM runs AS r WHERE orders_seen <> (SELECT sum(orders_seen) FROM jobs AS j WHERE j.run_id = r.run_id)`,
		} {
			if got, err := d.Inspect().Value(t.Context(), query); got != "0" || err != nil {
				t.Errorf("%s: %s, %v", what, got, err)
			}
		}
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// killAfter kills a child during its commits after it printed n ids, and returns all printed ids.
func killAfter(t *testing.T, path string, n int) (done []string) {
	t.Helper()
	child := exec.CommandContext(t.Context(), os.Args[0])
	child.Env = append(os.Environ(), childPath+"="+path)
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(out)
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			break // an incomplete line is not acknowledged
		}
		if done = append(done, strings.TrimSpace(line)); len(done) == n {
			if err := child.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	_ = child.Wait() // it was killed
	if len(done) < n {
		t.Fatalf("the child ended by itself after %d commits", len(done))
	}
	return done
}
