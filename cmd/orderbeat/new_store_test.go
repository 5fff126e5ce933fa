package main // an inside test: a main package cannot be imported

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"orderbeat/cmd/orderbeat/cli"
	"orderbeat/db/dbtest/bulk"
)

// TestNewStoreTakesOver has a leader whose orders are in no stream, and three NATS servers. A new store gets them with a snapshot, also
// after it was killed meanwhile, follows, and takes over after the leader was killed.
//
// ORDERBEAT_TEST_ORDERS is the number of orders; a million take 15 GB below TMPDIR. The times are logged.
func TestNewStoreTakesOver(t *testing.T) {
	t.Parallel() // mostly waits
	n := 1000
	if text := os.Getenv("ORDERBEAT_TEST_ORDERS"); text != "" {
		var err error
		if n, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	o, nodes, root := newOutside(t), newNodes(t, 3), t.TempDir()
	config := func(name string) string {
		return steady(t, filepath.Join(root, name), o, fmt.Sprintf("url = [%q, %q, %q]\nreplicas = 3", "nats://"+nodes[0].address, "nats://"+nodes[1].address, "nats://"+nodes[2].address))
	}
	leading := config("a")
	file := filepath.Join(root, "a", "data", "orderbeat.db")
	bulk.Create(t, file, n)
	bulk.Report(t, file)
	a := enlist(t, leading)
	a.says("orderbeat is running", 1)
	within := time.Minute + time.Duration(n)*time.Millisecond // of a slow machine
	a.eventuallyWithin(within, "it makes a snapshot", func() bool { return a.said("snapshot for new followers made") == 1 })
	ran(t, a, 3)

	following := config("b")
	b := enlist(t, following)
	b.says("fetching a snapshot", 1)
	b.kill()
	if err := os.RemoveAll(filepath.Join(root, "b", "data", "orderbeat.db")); err != nil { // it may have been done
		t.Fatal(err)
	}
	begun := time.Now()
	b = enlist(t, following)
	b.eventuallyWithin(within, "it follows", func() bool { return b.said("another worker leads: following it") == 1 })
	upto := a.value("SELECT sequence FROM replication WHERE topic = 'orders'")
	b.eventually("it has what was published", func() bool {
		status, _ := b.get("/readyz")
		return status == 200 && b.value("SELECT sequence >= "+upto+" FROM replication WHERE topic = 'orders'") == "1"
	})
	t.Logf("%d orders: a new store is ready after %s", n, time.Since(begun).Round(10*time.Millisecond))
	if log := b.logged.String(); !strings.Contains(log, "database restored from a snapshot") {
		t.Error("it did not begin with the snapshot")
	}
	if left, err := filepath.Glob(filepath.Join(root, "*", "data", ".*")); err != nil || len(left) > 0 {
		t.Errorf("got %v and %q, want no unfinished copies", err, left)
	}

	begun = time.Now()
	a.kill()
	b.says("orderbeat is running", 1)
	t.Logf("%d orders: it leads %s after the leader was killed", n, time.Since(begun).Round(10*time.Millisecond))
	ran(t, b, 3)
	if got := howMany(t, b, "SELECT count(*) FROM orders WHERE account LIKE 'a%'"); got != n {
		t.Errorf("got %d orders of the leader, want %d", got, n)
	}
	for line := range strings.SplitSeq(a.logged.String()+b.logged.String(), "\n") {
		if strings.Contains(line, "snapshot") {
			t.Log(line)
		}
	}
	if status := b.stop(); status != cli.Done {
		t.Errorf("got exit status %d, want %d", status, cli.Done)
	}
}
