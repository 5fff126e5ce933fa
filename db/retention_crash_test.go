package db_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"testing"

	"github.com/google/go-cmp/cmp"

	"orderbeat/db"
	"orderbeat/db/dbtest"
)

// childPrune is the environment variable with the database path for a child process.
const childPrune = "ORDERBEAT_TEST_PRUNE_DB"

// pruneAndTell prunes and prints a line after the start.
func pruneAndTell(path string) error {
	ctx := context.Background()
	d, err := db.Open(ctx, db.Options{Path: path})
	if err != nil {
		return err
	}
	const count = "SELECT count(*) FROM order_events"
	before, err := d.Inspect().Value(ctx, count)
	if err != nil {
		return err
	}
	done := make(chan error, 1)
	go func() {
		_, err := d.Prune(ctx, kept, dbtest.Noon)
		done <- err
	}()
	for {
		select {
		case err := <-done:
			return err
		default:
		}
		now, err := d.Inspect().Value(ctx, count)
		if err != nil {
			return err
		}
		if now != before {
			fmt.Println("it has begun")
			return <-done
		}
	}
}

func TestKillDuringPruningLosesNoData(t *testing.T) {
	path := history(t, 500, 20)
	want := dbtest.OpenAt(t, copied(t, path))
	prune(t, want, kept)

	child := exec.CommandContext(t.Context(), os.Args[0])
	child.Env = append(os.Environ(), childPrune+"="+path)
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	if !bufio.NewScanner(out).Scan() {
		t.Fatal("the child did not begin")
	}
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = child.Wait() // it was killed

	d := dbtest.OpenAt(t, path)
	dbtest.CheckConsistent(t, d)
	lost, err := d.Inspect().Value(t.Context(), "SELECT count(*) FROM orders AS o WHERE revision NOT IN (SELECT revision FROM order_events AS e WHERE e.order_id = o.order_id)")
	if lost != "0" || err != nil {
		t.Errorf("%s orders, %v, have lost their last event", lost, err)
	}
	if got := prune(t, d, kept); got.Events == 0 || got.Events >= 500*19 {
		t.Errorf("got %d events pruned after the crash, want some of %d: the child was not in the middle", got.Events, 500*19)
	}
	if diff := cmp.Diff(rows(t, want), rows(t, d)); diff != "" {
		t.Errorf("left (-without a crash +with one):\n%s", diff)
	}
}
