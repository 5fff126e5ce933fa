package worker_test

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"orderbeat/auth/secret"
	"orderbeat/worker"
	"orderbeat/worker/bus"
	"orderbeat/worker/snapshot"
)

// snapshots is a configuration on an external NATS with snapshots.
func snapshots(url string) func(*worker.Config) {
	return func(c *worker.Config) {
		on(url)(c)
		c.SnapshotEvery = time.Hour
	}
}

// restore gives a folder the database of the newest snapshot, and returns what was logged.
func restore(t *testing.T, config bus.Config, folder string) string {
	t.Helper()
	var log bytes.Buffer
	r := snapshot.Restorer{NATS: config, Path: filepath.Join(folder, "orderbeat.db"), Every: time.Hour, Log: slog.New(slog.NewTextHandler(&log, nil))}
	if err := r.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	return log.String()
}

// restoredLog is logged when a database was restored from a snapshot.
const restoredLog = "database restored from a snapshot"

// objects are the names of the objects in the store of snapshots.
func (b *bench) objects() (names []string) {
	b.t.Helper()
	store, err := b.js.ObjectStore(b.t.Context(), "ORDERBEAT_SNAPSHOTS")
	if err != nil {
		b.t.Fatal(err)
	}
	list, err := store.List(b.t.Context(), jetstream.ListObjectsShowDeleted())
	if err != nil {
		b.t.Fatal(err)
	}
	for _, info := range list {
		names = append(names, info.Name)
	}
	return names
}

// A new store has what the streams no longer have, and goes on from there: with the same revisions and event
// ids, also when it takes over.
func TestNewStoreBeginsWithASnapshot(t *testing.T) {
	t.Parallel()
	url := depot(t)().ClientURL()
	first := startIn(t, t.TempDir(), snapshots(url))
	first.eventually("there is a snapshot", func() bool { return first.logged.count("snapshot for new followers made") == 1 })
	first.supplier.answers(lists(0, "SO1", "SO2"))
	first.hasResult(first.sync("detroit").ID)
	first.supplier.answers(lists(1, "SO1"))
	first.hasResult(first.sync("detroit").ID)
	first.settled()
	for _, name := range []string{"ORDERBEAT_ORDERS", "ORDERBEAT_RESULTS"} { // since when it was made
		stream, err := first.js.Stream(t.Context(), name)
		if err == nil {
			err = stream.Purge(t.Context())
		}
		if err != nil {
			t.Fatal(err)
		}
	}

	folder := t.TempDir()
	log := restore(t, first.config.NATS, folder)
	if !strings.Contains(log, "waiting for a snapshot that the leader makes") || !strings.Contains(log, restoredLog) {
		t.Fatalf("got %s, want a snapshot that the leader made", log)
	}
	if log := restore(t, first.config.NATS, folder); log != "" {
		t.Errorf("got %s, want an existing database left alone", log)
	}
	if names := first.objects(); len(names) != 2 {
		t.Errorf("got objects %q, want those of one snapshot", names)
	}
	second := launch(t, folder, snapshots(url))
	second.eventually("it follows", func() bool { return second.logged.count(saysFollows) == 1 })
	second.equals(first)
	first.supplier.answers(lists(2, "SO1", "SO3"))
	first.hasResult(first.sync("detroit").ID)
	second.equals(first)
	if n := second.logged.count("the stream no longer has messages that this database lacks"); n != 0 {
		t.Error("messages are missing between the snapshot and the streams")
	}
	if n := second.value("SELECT count(*) FROM jobs"); n != "0" {
		t.Errorf("got %s jobs, want none of another process", n)
	}
	if err := first.stop(); err != nil {
		t.Fatal(err)
	}
	second.waitRunning()
	second.supplier.answers(lists(3, "SO1", "SO2", "SO3"))
	second.hasResult(second.sync("detroit").ID)
	second.settled()
	if got := second.value("SELECT revision || ' ' || (SELECT group_concat(event_id) FROM order_events AS e WHERE e.order_id = o.order_id) FROM orders AS o WHERE order_id = 'SO1'"); got !=
		"4 michelin.detroit.SO1.1,michelin.detroit.SO1.2,michelin.detroit.SO1.3,michelin.detroit.SO1.4" {
		t.Errorf("got %s, want revisions that go on", got)
	}
	if n := second.holds("ORDERBEAT_ORDERS", subjectOfSO1); n != 2 {
		t.Errorf("got %d events of SO1, want those since the purge", n)
	}
	second.sequencesHold()
}

// A snapshot that is damaged is replaced when a new store finds that; one that lacks what the streams have
// deleted is noticed.
func TestDamagedSnapshotIsReplaced(t *testing.T) {
	t.Parallel()
	url := depot(t)().ClientURL()
	first := startIn(t, t.TempDir(), snapshots(url))
	first.supplier.answers(lists(0, "SO1"))
	first.hasResult(first.sync("detroit").ID)
	first.settled()
	first.eventually("there is a snapshot", func() bool { return first.logged.count("snapshot for new followers made") == 1 })
	store, err := first.js.ObjectStore(t.Context(), "ORDERBEAT_SNAPSHOTS")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range first.objects() {
		if name != "newest" {
			if _, err := store.PutString(t.Context(), name, "another one"); err != nil {
				t.Fatal(err)
			}
		}
	}
	folder := t.TempDir()
	if log := restore(t, first.config.NATS, folder); !strings.Contains(log, "waiting for a snapshot that the leader makes") || !strings.Contains(log, restoredLog) {
		t.Fatalf("got %s, want a new snapshot", log)
	}
	first.supplier.answers(lists(1, "SO1"))
	first.hasResult(first.sync("detroit").ID)
	stream, err := first.js.Stream(t.Context(), "ORDERBEAT_ORDERS")
	if err == nil {
		err = stream.Purge(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	second := launch(t, folder, snapshots(url))
	second.eventually("the gap is noticed", func() bool {
		return second.logged.count("the stream no longer has messages that this database lacks") == 1
	})
}

// A missing permission is named, and neither the leader nor a new store depends on snapshots.
func TestMissingPermissionForSnapshots(t *testing.T) {
	t.Parallel()
	leads := func(t *testing.T, url string) *bench {
		t.Helper()
		return outside(t, url, func(c *worker.Config) {
			c.NATS.User, c.NATS.Password, c.SnapshotEvery = "worker", secret.New("right"), time.Hour
		})
	}
	t.Run("to write", func(t *testing.T) {
		t.Parallel()
		b := leads(t, documented(t, `"$O.ORDERBEAT_SNAPSHOTS.>"`).ClientURL())
		b.eventually("it is logged", func() bool { return b.logged.count("failed to make a snapshot for new followers, will retry") == 1 })
		b.page("/readyz?leader", 200, "ok")
		if _, page := b.get("/metrics"); !strings.Contains(page, "\norderbeat_failing{activity=\"snapshot\"} 1\n") || !strings.Contains(page, "\norderbeat_snapshot_timestamp_seconds 0\n") {
			t.Error("the metrics do not show it")
		}
	})
	t.Run("to read", func(t *testing.T) {
		t.Parallel()
		b := leads(t, documented(t, `"$JS.API.CONSUMER.CREATE.OBJ_ORDERBEAT_SNAPSHOTS.>"`).ClientURL())
		b.eventually("there is a snapshot", func() bool { return b.logged.count("snapshot for new followers made") == 1 })
		folder := t.TempDir()
		log := restore(t, b.config.NATS, folder)
		if !strings.Contains(log, "the NATS user may not read snapshots") || !strings.Contains(log, `Permissions Violation for Publish to \"$JS.API.CONSUMER.CREATE.OBJ_ORDERBEAT_SNAPSHOTS.`) {
			t.Errorf("got %s, want the permission named", log)
		}
		if left, err := os.ReadDir(folder); err != nil || len(left) > 0 {
			t.Errorf("got %v and %v, want nothing left", left, err)
		}
	})
}
