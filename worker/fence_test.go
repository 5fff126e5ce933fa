package worker_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"orderbeat/clients"
	"orderbeat/jobs"
	"orderbeat/worker"
	"orderbeat/worker/bus"
	"orderbeat/worker/relay"
)

// on connects a worker to an external NATS.
func on(url string) func(*worker.Config) {
	return func(c *worker.Config) { c.NATS = bus.Config{URL: url, Prefix: "orderbeat"} }
}

const subjectOfSO1 = "orderbeat.orders.michelin.detroit.SO1"

// event is the header of an order event of another leader.
func event(revision int) nats.Header {
	id := fmt.Sprint("michelin.detroit.SO1.", revision)
	return nats.Header{"Nats-Msg-Id": {id + ".other"}, "ce-id": {id}, "ce-type": {"orderbeat.order.changed.v1"}}
}

// last is the last message on a subject of a stream.
func (b *bench) last(stream, subject string) *jetstream.RawStreamMsg {
	b.t.Helper()
	s, err := b.js.Stream(b.t.Context(), stream)
	if err != nil {
		b.t.Fatal(err)
	}
	raw, err := s.GetLastMsgForSubject(b.t.Context(), subject)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil
	}
	if err != nil {
		b.t.Fatal(err)
	}
	return raw
}

// stops waits until the worker has stopped because it is stale.
func (b *bench) stops() error {
	b.t.Helper()
	select {
	case err := <-b.ended:
		b.ended <- nil
		return err
	case <-time.After(30 * time.Second):
		b.t.Fatal("it does not stop")
		return nil
	}
}

// A leader whose order another leader has published stops, although its lease looks well. Nothing
// that waits in its outbox is published. Restarted, it knows what is there.
func TestLeaderStopsAtTheEventOfAnother(t *testing.T) {
	t.Parallel()
	for name, answers := range map[string]func(context.Context, clients.Query) (clients.Answer, error){
		"one by one": lists(1, "SO1", "SO2"), "as a batch": lists(1, "SO1", "SO2", "SO3", "SO4", "SO5", "SO6"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			folder, srv := t.TempDir(), depot(t)()
			b := startIn(t, folder, on(srv.ClientURL()))
			b.hasResult(b.sync("detroit").ID)
			b.settled()
			b.publish(subjectOfSO1, `{"provider":"michelin","account":"detroit","order_id":"SO1","revision":2,"status":"open"}`, event(2))
			b.supplier.answers(answers)
			b.ask("runs.start", `{"provider":"michelin","kind":"sync","accounts":["detroit"]}`)
			if err := b.stops(); !errors.Is(err, relay.ErrStale) || !strings.Contains(err.Error(), "SO1.2, which this database does not have") {
				t.Errorf("got %v, want it to say what it found", err)
			}
			if n := b.logged.count("another worker published as the leader"); n != 1 {
				t.Errorf("logged it %d times, want once", n)
			}
			if err := b.stop(); err != nil {
				t.Error(err)
			}
			if raw := b.last("ORDERBEAT_ORDERS", subjectOfSO1); raw.Header.Get("Nats-Msg-Id") != "michelin.detroit.SO1.2.other" {
				t.Errorf("got %v, want the other leader's event to be the last", raw.Header)
			}
			if n := b.holds("ORDERBEAT_RESULTS", "orderbeat.results.>"); n != 1 {
				t.Errorf("got %d results, want the first only", n)
			}
			again := startIn(t, folder, on(srv.ClientURL()))
			again.supplier.answers(answers)
			again.hasResult(again.sync("detroit").ID)
			again.settled()
			if raw := b.last("ORDERBEAT_ORDERS", subjectOfSO1); raw.Header.Get("Nats-Msg-Id") != "michelin.detroit.SO1.3" {
				t.Errorf("got %v, want its own event after the other leader's", raw.Header)
			}
			if n := again.sequencesHold(); n == 0 {
				t.Error("no sequence is known")
			}
		})
	}
}

// Another publisher's message that is no order event stops nothing.
func TestForeignMessageDoesNotStopTheLeader(t *testing.T) {
	t.Parallel()
	b := startIn(t, t.TempDir(), on(depot(t)().ClientURL()))
	b.hasResult(b.sync("detroit").ID)
	b.publish(subjectOfSO1, `note to self`, nil)
	b.supplier.answers(lists(1, "SO1", "SO2"))
	b.hasResult(b.sync("detroit").ID)
	b.settled()
	b.sequencesHold()
	if n := b.logged.count("unexpected message of another publisher on an order subject"); n != 1 {
		t.Errorf("logged it %d times, want once", n)
	}
}

// A run has one result for each end, also if two processes publish it.
func TestRunHasOneResult(t *testing.T) {
	t.Parallel()
	b := startIn(t, t.TempDir(), on(depot(t)().ClientURL()))
	run := jobs.NewFailed(jobs.Request{Provider: "michelin", Kind: "sync", Trigger: "nats"}, jobs.Invalid("no", "no"), time.Now())
	subject := "orderbeat.results.michelin." + run.ID
	b.publish(subject, `{"state":"succeeded"}`, nats.Header{"Nats-Msg-Id": {"other"}, "ce-id": {run.ID + ".result"}})
	if _, _, err := b.db.StartRun(t.Context(), run, nil); err != nil {
		t.Fatal(err)
	}
	b.eventually("it is told", func() bool { return b.logged.count("run has ended already, as another worker published") == 1 })
	b.settled()
	if n := b.holds("ORDERBEAT_RESULTS", subject); n != 1 {
		t.Errorf("got %d results, want one", n)
	}
	b.supplier.answers(func(context.Context, clients.Query) (clients.Answer, error) { // a reopened run ends again
		return clients.Answer{}, &clients.Error{Code: clients.CodeForbidden, Status: 403, Message: "no"}
	})
	failed := b.sync("detroit")
	b.hasResult(failed.ID)
	b.supplier.answers(lists(0, "SO1"))
	b.ask("jobs.retry", fmt.Sprintf(`{"job_id":%q}`, b.value("SELECT job_id FROM jobs WHERE run_id = '"+failed.ID+"'")))
	b.eventually("it has both results", func() bool { return b.holds("ORDERBEAT_RESULTS", "orderbeat.results.michelin."+failed.ID) == 2 })
}

// sequencesHold checks what the database knows of the last messages on the subjects of orders, and returns
// how many it knows.
func (b *bench) sequencesHold() int {
	b.t.Helper()
	var known map[string]uint64
	b.decode([]byte(b.value("SELECT json_group_object(subject, sequence) FROM order_sequences")), &known)
	for subject, sequence := range known {
		if raw := b.last("ORDERBEAT_ORDERS", "orderbeat."+subject); raw != nil && raw.Sequence != sequence {
			b.t.Errorf("%s: got sequence %d, want %d", subject, sequence, raw.Sequence)
		}
	}
	return len(known)
}

// Whatever happens between changes, no event is lost or published twice, and the database knows where
// each order's subject ends: changes alone and in batches, republished events, messages that retention
// removed, acknowledgements that are lost, restarts, and sequences that are not known.
func TestSequencesFollowTheStream(t *testing.T) {
	t.Parallel()
	folder, srv := t.TempDir(), depot(t)()
	b := startIn(t, folder, on(srv.ClientURL()))
	file, err := sql.Open("sqlite3", filepath.Join(folder, "orderbeat.db")+"?_busy_timeout=5000")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	change := func(query string) {
		t.Helper()
		if _, err := file.Exec(query); err != nil {
			t.Fatalf("%s: %v", query, err)
		}
	}
	change(`CREATE TABLE outbox_gone AS SELECT * FROM outbox WHERE 0;
		CREATE TRIGGER outbox_keep BEFORE DELETE ON outbox WHEN old.topic IN ('orders', 'results') BEGIN INSERT INTO outbox_gone SELECT * FROM outbox WHERE id = old.id; END`)
	seed := uint64(time.Now().UnixNano())
	t.Log("seed", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	orders := []string{"SO1", "SO2", "SO3", "SO4", "SO5", "SO6", "SO7"}
	shipped, replayed := int64(0), false
	for range 25 {
		switch n := random.IntN(10); {
		case n < 5:
			shipped = (shipped + 1) % 4
			some := orders[:1+random.IntN(len(orders))]
			b.supplier.answers(lists(shipped, some...))
			b.sync("detroit")
		case n == 5 && !replayed:
			replayed = true
			b.request("events.replay", `{"provider":"michelin","account":"detroit"}`, nil)
		case n == 6: // retention
			stream, err := b.js.Stream(t.Context(), "ORDERBEAT_ORDERS")
			if err != nil {
				t.Fatal(err)
			}
			b.settled()
			var options []jetstream.StreamPurgeOpt
			if random.IntN(2) == 0 {
				options = append(options, jetstream.WithPurgeSubject("orderbeat.orders.michelin.detroit."+orders[random.IntN(3)]))
			}
			if err := stream.Purge(t.Context(), options...); err != nil {
				t.Fatal(err)
			}
			change("DELETE FROM outbox_gone") // what is purged after it was published is not lost
		case n == 7:
			b.settled()
			change("DELETE FROM order_sequences WHERE sequence % 2 = 0")
		case n == 8: // the last messages were published, and that was not recorded
			b.settled()
			if err := b.stop(); err != nil {
				t.Fatal(err)
			}
			change(`DELETE FROM order_sequences; DELETE FROM replication; CREATE TABLE restored AS SELECT * FROM outbox_gone ORDER BY id DESC LIMIT 10;
				INSERT OR IGNORE INTO outbox SELECT * FROM restored; DROP TABLE restored`)
			b = startIn(t, folder, on(srv.ClientURL()))
		}
		b.settled()
		b.sequencesHold()
	}
	b.supplier.answers(lists(4, orders...))
	b.sync("detroit")
	b.settled()
	if n := b.sequencesHold(); n != len(orders) {
		t.Errorf("got the sequences of %d orders, want %d", n, len(orders))
	}
	ids := map[string]int{}
	n := b.holds("ORDERBEAT_ORDERS", "orderbeat.orders.>")
	revisions := map[string]int{}
	if n > 0 {
		for _, m := range b.messages("ORDERBEAT_ORDERS", "orderbeat.orders.>", n) {
			ids[m.Headers().Get("Nats-Msg-Id")]++
			var body struct{ Revision int }
			if err := json.Unmarshal(m.Data(), &body); err != nil {
				t.Fatal(err)
			}
			if m.Headers().Get("Orderbeat-Replay") == "" {
				if was := revisions[m.Subject()]; was != 0 && body.Revision != was+1 {
					t.Errorf("%s: revision %d after %d", m.Subject(), body.Revision, was)
				}
				revisions[m.Subject()] = body.Revision
			}
		}
	}
	for id, n := range ids {
		if n > 1 {
			t.Errorf("%s is there %d times", id, n)
		}
	}
}

// A reply waits for the result: if another process leads by now, this result is not published, and the run ends
// with another one.
func TestReplyWaitsForTheResult(t *testing.T) {
	t.Parallel()
	b := startIn(t, t.TempDir(), on(depot(t)().ClientURL()))
	b.hasResult(b.sync("detroit").ID)
	replies, err := b.conn.SubscribeSync("replies.mine")
	if err != nil {
		t.Fatal(err)
	}
	b.reconfigure("ORDERBEAT_RESULTS", func(c *jetstream.StreamConfig) { c.MaxMsgs, c.Discard = 1, jetstream.DiscardNew })
	b.publish("orderbeat.runs.michelin.sync", ``, nats.Header{"Orderbeat-Reply-To": {"replies.mine"}})
	b.eventually("the stream rejects the result", func() bool { return b.logged.count("publish failed") > 0 })
	if n := b.value("SELECT count(*) FROM outbox WHERE topic = 'reply'"); n != "1" {
		t.Errorf("%s replies wait, want one", n)
	}
	if n, _, err := replies.Pending(); err != nil || n != 0 {
		t.Errorf("got %d replies, %v, want none before the result", n, err)
	}
	b.reconfigure("ORDERBEAT_RESULTS", func(c *jetstream.StreamConfig) { c.MaxMsgs = -1 })
	if _, err := replies.NextMsg(30 * time.Second); err != nil {
		t.Fatal(err)
	}
	if n := b.holds("ORDERBEAT_RESULTS", "orderbeat.results.>"); n != 2 {
		t.Errorf("got a reply, and %d results, want two", n)
	}
}
