package worker_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"orderbeat/clients"
	"orderbeat/db/dbtest"
	"orderbeat/worker/api"
)

// content is what two databases have in common when one follows the other.
const content = `SELECT json_object('orders', (SELECT json_group_array(json_array(account, order_id, revision, status, document)) FROM (SELECT * FROM orders ORDER BY account, order_id)),
 'events', (SELECT json_group_array(json_array(event_id, type, run_id, job_id, observed_at, changes, document)) FROM (SELECT * FROM order_events ORDER BY account, order_id, revision)),
 'runs', (SELECT json_group_array(json_array(run_id, state, jobs_total, finished_at)) FROM (SELECT * FROM runs ORDER BY run_id)),
 'sequences', (SELECT json_group_object(subject, sequence) FROM (SELECT * FROM order_sequences ORDER BY subject)))`

// equals waits until a worker's database has the same content as another's.
func (b *bench) equals(other *bench) {
	b.t.Helper()
	b.eventually("the databases are equal", func() bool { return b.value(content) == other.value(content) })
}

// A process that does not lead has what the leader publishes, and goes on from there when it takes over:
// revisions and event ids continue.
func TestFollowerGoesOn(t *testing.T) {
	t.Parallel()
	url := depot(t)().ClientURL()
	first := startIn(t, t.TempDir(), on(url))
	first.supplier.answers(lists(0, "SO1", "SO2"))
	first.hasResult(first.sync("detroit").ID)
	second := launch(t, t.TempDir(), on(url))
	second.eventually("it follows", func() bool { return second.logged.count(saysFollows) == 1 })
	first.supplier.answers(lists(1, "SO1", "SO2", "SO3"))
	first.hasResult(first.sync("detroit").ID)
	second.equals(first)
	if err := first.stop(); err != nil {
		t.Fatal(err)
	}
	second.waitRunning()
	second.supplier.answers(lists(2, "SO1", "SO2", "SO3"))
	second.hasResult(second.sync("detroit").ID)
	second.settled()
	if got := second.value("SELECT revision FROM orders WHERE order_id = 'SO1'"); got != "3" {
		t.Errorf("got revision %s, want 3", got)
	}
	if n := second.holds("ORDERBEAT_ORDERS", subjectOfSO1); n != 3 {
		t.Errorf("got %d events of SO1, want 3", n)
	}
	second.sequencesHold()
}

// What the old leader had committed and not published is undone when it returns; what the new one published
// meanwhile is applied.
func TestOldLeaderReturnsAsFollower(t *testing.T) {
	t.Parallel()
	url, folder := depot(t)().ClientURL(), t.TempDir()
	first := startIn(t, folder, on(url))
	first.supplier.answers(lists(0, "SO1"))
	first.hasResult(first.sync("detroit").ID)
	if err := first.stop(); err != nil {
		t.Fatal(err)
	}
	second := startIn(t, t.TempDir(), on(url))
	second.supplier.answers(lists(1, "SO1"))
	second.hasResult(second.sync("detroit").ID)
	old := dbtest.OpenAt(t, folder+"/orderbeat.db")
	dbtest.Observe(t, old, time.Now(), order("detroit", "SO1", 2, ""), order("detroit", "SO9", 0, ""))
	dbtest.Start(t, old, 3)
	if err := old.Close(); err != nil {
		t.Fatal(err)
	}
	again := launch(t, folder, on(url))
	again.eventually("it follows", func() bool { return again.logged.count(saysFollows) == 1 })
	again.equals(second)
	if n := again.logged.count("unpublished data deleted: another process has become the leader in the meantime"); n != 1 {
		t.Errorf("logged %d times what was undone, want once", n)
	}
	if n := second.holds("ORDERBEAT_ORDERS", "orderbeat.orders.michelin.detroit.SO9"); n != 0 {
		t.Error("an event of the old leader was published")
	}
}

// A new database, or one restored from a backup, contains what was published before it leads, also with
// the embedded server.
func TestNewDatabaseIsFilledFromTheStreams(t *testing.T) {
	t.Parallel()
	url := depot(t)().ClientURL()
	first := startIn(t, t.TempDir(), on(url))
	first.supplier.answers(lists(0, "SO1", "SO2"))
	first.hasResult(first.sync("detroit").ID)
	first.supplier.answers(lists(1, "SO1"))
	first.hasResult(first.sync("detroit").ID)
	first.settled()
	if err := first.stop(); err != nil {
		t.Fatal(err)
	}
	fresh := startIn(t, t.TempDir(), on(url))
	fresh.equals(first)
	fresh.supplier.answers(lists(1, "SO1"))
	fresh.hasResult(fresh.sync("detroit").ID)
	fresh.settled()
	if n := fresh.holds("ORDERBEAT_ORDERS", subjectOfSO1); n != 2 {
		t.Errorf("got %d events of SO1, want 2: nothing changed", n)
	}
}

// A consumer that delivers nothing more, without an error, is replaced.
func TestFollowerReplacesASilentConsumer(t *testing.T) {
	t.Parallel()
	url := depot(t)().ClientURL()
	first := startIn(t, t.TempDir(), on(url))
	first.supplier.answers(lists(0, "SO1"))
	first.hasResult(first.sync("detroit").ID)
	second := launch(t, t.TempDir(), on(url))
	second.equals(first)
	stream, err := first.js.Stream(t.Context(), "ORDERBEAT_ORDERS")
	if err != nil {
		t.Fatal(err)
	}
	paused := 0
	for info := range stream.ListConsumers(t.Context()).Info() {
		if _, err := stream.PauseConsumer(t.Context(), info.Name, time.Now().Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
		paused++
	}
	if paused != 1 {
		t.Fatalf("paused %d consumers, want the follower's", paused)
	}
	first.supplier.answers(lists(1, "SO1"))
	first.hasResult(first.sync("detroit").ID)
	second.equals(first)
}

// An event that is larger than a message is applied with its order, also when no other process is left.
func TestNewDatabaseHasLargeOrders(t *testing.T) {
	t.Parallel()
	url := depot(t)().ClientURL()
	first := startIn(t, t.TempDir(), on(url))
	first.supplier.answers(func(_ context.Context, q clients.Query) (clients.Answer, error) {
		return clients.Answer{Orders: []clients.Order{order(q.Account.Name, "SO1", 0, strings.Repeat("x", 1<<20))}}, nil
	})
	first.hasResult(first.sync("detroit").ID)
	first.settled()
	if event := first.messages("ORDERBEAT_ORDERS", "orderbeat.orders.>", 1)[0]; len(event.Data()) > 1<<20 {
		t.Fatal("the event is no larger than a message")
	}
	if err := first.stop(); err != nil {
		t.Fatal(err)
	}
	fresh := startIn(t, t.TempDir(), on(url))
	fresh.equals(first)
	if n := fresh.logged.count("a published message cannot be applied in full"); n != 0 {
		t.Errorf("logged %d times that a message lacks its order", n)
	}
}

// A follower replies to reads as long as it is current, and has the leader do what it cannot.
func TestFollowerReplies(t *testing.T) {
	t.Parallel()
	url := depot(t)().ClientURL()
	first := startIn(t, t.TempDir(), on(url))
	first.supplier.answers(lists(0, "SO1"))
	first.hasResult(first.sync("detroit").ID)
	second := launch(t, t.TempDir(), on(url))
	second.eventually("it follows", func() bool { return second.logged.count(saysFollows) == 1 })
	second.equals(first)
	stored, live := map[bool]int{}, 0
	first.eventually("both have replied", func() bool {
		for _, request := range []string{`{"provider":"michelin","account":"detroit","order_id":"SO1"}`, `{"provider":"michelin","account":"detroit","order_id":"SO1","max_age":"0s"}`} {
			var reply api.Order
			first.decode(first.request("orders.get", request, nil).Data, &reply)
			if reply.Revision != 1 {
				t.Fatalf("got %+v", reply)
			}
			switch reply.Source {
			case "live":
				live++
			default:
				stored[reply.AsOf != nil]++
			}
		}
		return stored[true] > 3 && stored[false] > 3
	})
	if live != stored[true]+stored[false] {
		t.Errorf("got %d live replies, want %d", live, stored[true]+stored[false])
	}
	if calls := second.supplier.calls(); calls != 0 {
		t.Errorf("the follower called the provider %d times", calls)
	}
}
