package worker_test

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"orderbeat/clients"
	"orderbeat/db/alerts"
	"orderbeat/db/outbox"
	"orderbeat/db/unpublishable"
	"orderbeat/jobs"
)

// reconfigure changes the configuration of a stream.
func (b *bench) reconfigure(name string, change func(*jetstream.StreamConfig)) {
	b.t.Helper()
	stream, err := b.js.Stream(b.t.Context(), name)
	if err != nil {
		b.t.Fatal(err)
	}
	config := stream.CachedInfo().Config
	change(&config)
	if _, err := b.js.UpdateStream(b.t.Context(), config); err != nil {
		b.t.Fatal(err)
	}
}

// sync starts a run, and returns it when it has ended.
func (b *bench) sync(account string) jobs.Run {
	b.t.Helper()
	run := b.ask("runs.start", fmt.Sprintf(`{"provider":"michelin","kind":"sync","accounts":[%q],"wait":true}`, account)).Run
	if !run.State.Ended() {
		b.t.Fatalf("got %+v, want it ended", run)
	}
	return run
}

// hasResult waits for the result of a run.
func (b *bench) hasResult(runID string) {
	b.t.Helper()
	b.eventually("the result of the run is published", func() bool { return b.holds("ORDERBEAT_RESULTS", "orderbeat.results.michelin."+runID) == 1 })
}

// holds counts the messages of a stream on a subject.
func (b *bench) holds(stream, subject string) int {
	b.t.Helper()
	s, err := b.js.Stream(b.t.Context(), stream)
	if err != nil {
		return 0
	}
	info, err := s.Info(b.t.Context(), jetstream.WithSubjectFilter(subject))
	if err != nil {
		b.t.Fatal(err)
	}
	n := 0
	for _, of := range info.State.Subjects {
		n += int(of)
	}
	return n
}

// value is one value of the database.
func (b *bench) value(query string) (value string) {
	b.t.Helper()
	file, err := sql.Open("sqlite3", "file:"+filepath.Join(b.config.Place, "orderbeat.db")+"?mode=ro")
	if err != nil {
		b.t.Fatal(err)
	}
	defer file.Close()
	if err := file.QueryRowContext(b.t.Context(), query).Scan(&value); err != nil {
		b.t.Fatalf("%s: %v", query, err)
	}
	return value
}

// alerted waits until an alert is in a state, and returns it.
func (b *bench) alerted(code clients.Code, state string) (found alerts.Alert) {
	b.t.Helper()
	b.eventuallyWithin(90*time.Second, fmt.Sprintf("alert %s is %s", code, state), func() bool {
		list, err := b.db.Alerts(b.t.Context(), false)
		if err != nil {
			b.t.Fatal(err)
		}
		for _, a := range list {
			if a.Code == code && a.State == state {
				found = a
				return true
			}
		}
		return false
	})
	return found
}

// revisions are those of an order in the stream, in order.
func (b *bench) revisions(order string) (list []string) {
	b.t.Helper()
	subject := "orderbeat.orders.michelin.detroit." + order
	for _, m := range b.messages("ORDERBEAT_ORDERS", subject, b.holds("ORDERBEAT_ORDERS", subject)) {
		list = append(list, m.Headers().Get("ce-id")[len("michelin.detroit."+order+"."):])
	}
	return list
}

// A stream that rejects order events delays only the results of these runs. Everything is
// published, in order, when it accepts them again.
func TestStuckStreamDoesNotBlockOtherTopics(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		stick, mend func(*bench)
	}{
		"full, discard new": {
			func(b *bench) {
				b.reconfigure("ORDERBEAT_ORDERS", func(c *jetstream.StreamConfig) { c.MaxMsgs, c.Discard = 2, jetstream.DiscardNew })
			},
			func(b *bench) {
				b.reconfigure("ORDERBEAT_ORDERS", func(c *jetstream.StreamConfig) { c.MaxMsgs = -1 })
			},
		},
		"full of bytes": {
			func(b *bench) {
				b.reconfigure("ORDERBEAT_ORDERS", func(c *jetstream.StreamConfig) { c.MaxBytes, c.Discard = 1, jetstream.DiscardNew })
			},
			func(b *bench) {
				b.reconfigure("ORDERBEAT_ORDERS", func(c *jetstream.StreamConfig) { c.MaxBytes = -1 })
			},
		},
		"sealed": {
			func(b *bench) {
				b.reconfigure("ORDERBEAT_ORDERS", func(c *jetstream.StreamConfig) { c.Sealed = true })
			},
			func(b *bench) {
				if err := b.js.DeleteStream(b.t.Context(), "ORDERBEAT_ORDERS"); err != nil {
					b.t.Fatal(err)
				}
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := start(t, nil)
			b.sync("detroit") // SO1 and SO2, before
			b.settled()
			c.stick(b)
			ids := make([]string, 700) // more than one pass publishes
			for i := range ids {
				ids[i] = fmt.Sprintf("SO%04d", i)
			}
			b.supplier.answers(lists(0, ids...))
			stuck := b.sync("st. paul")
			b.supplier.answers(lists(0, "SO1", "SO2"))
			free := b.sync("detroit") // changes nothing
			b.hasResult(free.ID)
			b.eventually("it is in the trouble of the outbox", func() bool {
				err := b.db.Ping(t.Context())
				return err == nil && b.value("SELECT count(*) FROM outbox WHERE topic = 'orders'") == "700"
			})
			if n := b.holds("ORDERBEAT_RESULTS", "orderbeat.results.michelin."+stuck.ID); n != 0 {
				t.Errorf("got the result of a run before its order events")
			}
			c.mend(b)
			b.hasResult(stuck.ID)
			b.settled()
			if n := b.holds("ORDERBEAT_ORDERS", "orderbeat.orders.michelin.st%2E%20paul.>"); n != 700 {
				t.Errorf("got %d events, want 700", n)
			}
			if n := b.value("SELECT count(*) FROM unpublishable"); n != "0" {
				t.Errorf("got %s messages set aside, want none: the stream was at fault", n)
			}
		})
	}
}

// A deleted stream is recreated by the next publisher.
func TestDeletedStreamIsRecreated(t *testing.T) {
	t.Parallel()
	b := start(t, nil)
	b.sync("detroit")
	b.settled()
	for n, name := range []string{"ORDERS", "RESULTS", "ALERTS"} {
		if err := b.js.DeleteStream(t.Context(), "ORDERBEAT_"+name); err != nil {
			t.Fatal(err)
		}
		b.supplier.answers(lists(int64(n+1), "SO1", "SO2"))
		run := b.sync("detroit")
		b.hasResult(run.ID)
		if _, err := b.db.Raise(t.Context(), alerts.Alert{Provider: "michelin", Code: clients.Code(fmt.Sprint("test", n)), Message: "m", Hint: "h"}); err != nil {
			t.Fatal(err)
		}
		b.eventually("the alert is published", func() bool { return b.holds("ORDERBEAT_ALERTS", fmt.Sprint("orderbeat.alerts.michelin.test", n)) == 1 })
		b.settled()
	}
	if err := b.js.DeleteStream(t.Context(), "ORDERBEAT_RESULTS"); err != nil {
		t.Fatal(err)
	}
	b.eventually("it is made again while there is nothing to publish", func() bool {
		_, err := b.js.Stream(t.Context(), "ORDERBEAT_RESULTS")
		return err == nil
	})
	if n := b.holds("ORDERBEAT_ORDERS", "orderbeat.orders.>"); n != 6 {
		t.Errorf("got %d events since the stream was deleted, want 6", n)
	}
}

// Events on subjects that an operator's stream does not cover wait; other events, and the results
// of other runs, do not. They are published in order when the stream covers them.
func TestUncoveredSubjectsDelayOnlyTheirEvents(t *testing.T) {
	t.Parallel()
	b := start(t, nil)
	b.reconfigure("ORDERBEAT_ORDERS", func(c *jetstream.StreamConfig) { c.Subjects = []string{"orderbeat.orders.michelin.st%2E%20paul.>"} })
	b.eventually("the relay sees it", func() bool {
		b.sync("detroit")
		return b.value("SELECT count(*) FROM outbox WHERE refusal IS NOT NULL") == "2"
	})
	b.supplier.answers(lists(1, "SO1", "SO2"))
	waits := b.sync("detroit")
	b.hasResult(b.sync("st. paul").ID)
	if n := b.holds("ORDERBEAT_RESULTS", "orderbeat.results.michelin."+waits.ID); n != 0 {
		t.Errorf("got the result of a run before its order events")
	}
	if a := b.alerted(unpublishable.CodeUnpublishable, alerts.AlertRaised); a.Provider != "michelin" || !strings.Contains(a.Message, "does not have this subject") {
		t.Errorf("got %+v, want it to say why", a)
	}
	b.reconfigure("ORDERBEAT_ORDERS", func(c *jetstream.StreamConfig) { c.Subjects = []string{"orderbeat.orders.>"} })
	b.supplier.answers(lists(2, "SO1", "SO2"))
	b.sync("detroit")
	b.eventuallyWithin(3*time.Minute, "they are published", func() bool { return b.holds("ORDERBEAT_ORDERS", "orderbeat.orders.michelin.detroit.>") == 6 })
	for _, id := range []string{"SO1", "SO2"} {
		if got := fmt.Sprint(b.revisions(id)); got != "[1 2 3]" {
			t.Errorf("got revisions %s of %s, want them in order", got, id)
		}
	}
	b.alerted(unpublishable.CodeUnpublishable, alerts.AlertResolved)
}

// An event larger than the stream's limit is truncated; one that is still too large is set aside
// and can be republished. Later revisions of the order do not wait for it.
func TestEventThatExceedsTheStreamLimit(t *testing.T) {
	t.Parallel()
	b := start(t, nil)
	limit := func(n int32) { b.reconfigure("ORDERBEAT_ORDERS", func(c *jetstream.StreamConfig) { c.MaxMsgSize = n }) }
	limit(1500)
	large := func(description string) func(context.Context, clients.Query) (clients.Answer, error) {
		return func(_ context.Context, q clients.Query) (clients.Answer, error) {
			return clients.Answer{Orders: []clients.Order{order(q.Account.Name, "SO1", 0, description)}}, nil
		}
	}
	b.supplier.answers(large(strings.Repeat("x", 2000)))
	b.hasResult(b.sync("detroit").ID)
	first := b.messages("ORDERBEAT_ORDERS", "orderbeat.orders.michelin.detroit.SO1", 1)[0]
	if body := string(first.Data()); !strings.Contains(body, `"truncated":true`) || strings.Contains(body, `"order":`) || !strings.Contains(body, `"status"`) {
		t.Errorf("got %s, want it without the order", body)
	}

	limit(100)
	b.supplier.answers(large("second"))
	b.hasResult(b.sync("detroit").ID)
	b.eventually("it is set aside", func() bool { return b.value("SELECT count(*) FROM unpublishable WHERE topic = 'orders'") == "1" })
	if reason := b.value("SELECT reason FROM unpublishable"); !strings.Contains(reason, "max_msg_size of stream ORDERBEAT_ORDERS is 100") {
		t.Errorf("got the reason %s", reason)
	}
	b.alerted(unpublishable.CodeUnpublishable, alerts.AlertRaised)

	limit(-1)
	b.supplier.answers(large("third"))
	b.eventually("later revisions are published", func() bool {
		b.sync("detroit")
		return b.holds("ORDERBEAT_ORDERS", "orderbeat.orders.michelin.detroit.SO1") == 2
	})
	var reply struct{ Events int }
	b.decode(b.request("events.replay", `{"unpublishable":true}`, nil).Data, &reply)
	if reply.Events != 1 {
		t.Errorf("got %+v, want one message republished", reply)
	}
	b.eventually("it is published", func() bool { return b.holds("ORDERBEAT_ORDERS", "orderbeat.orders.michelin.detroit.SO1") == 3 })
	if got := fmt.Sprint(b.revisions("SO1")); got != "[1 3 2]" {
		t.Errorf("got revisions %s, want the second as a replay, last", got)
	}
	b.alerted(unpublishable.CodeUnpublishable, alerts.AlertResolved)
}

// A limit of messages per subject sets aside only the messages beyond it.
func TestFullSubject(t *testing.T) {
	t.Parallel()
	b := start(t, nil)
	b.reconfigure("ORDERBEAT_ORDERS", func(c *jetstream.StreamConfig) {
		c.MaxMsgsPerSubject, c.Discard, c.DiscardNewPerSubject = 1, jetstream.DiscardNew, true
	})
	b.hasResult(b.sync("detroit").ID)
	b.supplier.answers(lists(1, "SO1", "SO2", "SO3"))
	b.hasResult(b.sync("detroit").ID)
	if got := b.value("SELECT group_concat(msg_id, ' ') FROM (SELECT msg_id FROM unpublishable ORDER BY id)"); got != "michelin.detroit.SO1.2 michelin.detroit.SO2.2" {
		t.Errorf("got %s set aside, want the second revisions", got)
	}
	if n := b.holds("ORDERBEAT_ORDERS", "orderbeat.orders.>"); n != 3 {
		t.Errorf("got %d events, want the first of each order", n)
	}
	b.settled()
}

// A stream with no_ack gets every message once.
func TestStreamWithNoAck(t *testing.T) {
	t.Parallel()
	b := start(t, nil)
	for _, name := range []string{"ORDERBEAT_ORDERS", "ORDERBEAT_RESULTS"} {
		b.reconfigure(name, func(c *jetstream.StreamConfig) { c.NoAck, c.Duplicates = true, 100*time.Millisecond })
	}
	for n := range 3 {
		b.supplier.answers(lists(int64(n), "SO1", "SO2"))
		b.hasResult(b.sync("detroit").ID)
	}
	b.settled()
	if got := fmt.Sprint(b.revisions("SO1"), b.revisions("SO2")); got != "[1 2 3] [1 2 3]" {
		t.Errorf("got revisions %s, want each once", got)
	}
}

// Differences of an existing stream are logged once at start.
func TestFaultsOfStreamsAreLogged(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	b := startIn(t, folder, nil)
	b.reconfigure("ORDERBEAT_ORDERS", func(c *jetstream.StreamConfig) { c.Duplicates, c.MaxMsgSize = 30*time.Second, 1<<20 })
	b.reconfigure("ORDERBEAT_RUNS", func(c *jetstream.StreamConfig) { c.MaxMsgs = 5 })
	if err := b.stop(); err != nil {
		t.Fatal(err)
	}
	again := startIn(t, folder, nil)
	again.hasResult(again.sync("detroit").ID)
	if n := again.logged.count("stream configuration differs"); n != 2 {
		t.Errorf("got %d lines about two streams, want one for each", n)
	}
}

// A message id that another publisher used before does not suppress an event.
func TestForgedEventDoesNotSuppressTheRealOne(t *testing.T) {
	t.Parallel()
	b := start(t, nil)
	b.publish("orderbeat.orders.michelin.detroit.SO1", `{"order_id":"SO1","status":"delivered","forged":true}`,
		nats.Header{"Nats-Msg-Id": {"michelin.detroit.SO1.1"}, "ce-id": {"michelin.detroit.SO1.1"}, "ce-type": {outbox.TypeOrderCreated}})
	b.hasResult(b.sync("detroit").ID)
	got := b.messages("ORDERBEAT_ORDERS", "orderbeat.orders.michelin.detroit.SO1", 2)
	real := got[1]
	if h := real.Headers(); h.Get("ce-id") != "michelin.detroit.SO1.1" || !strings.HasPrefix(h.Get("Nats-Msg-Id"), "michelin.detroit.SO1.1.fresh.") || strings.Contains(string(real.Data()), "forged") {
		t.Errorf("got %v %s, want the event under a fresh id", h, real.Data())
	}
	b.eventually("it is logged", func() bool { return b.logged.count("message id used by another publisher") == 1 })
	if a := b.alerted("id_conflict", alerts.AlertRaised); !strings.Contains(a.Message, "michelin.detroit.SO1.1") {
		t.Errorf("got %+v, want it to name the id", a)
	}
}

// Messages that may have been published are looked up, however short the stream's duplicate
// window is: here the process crashed between publishing and recording it.
func TestNoDuplicatesWithAShortDuplicateWindow(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	b := startIn(t, folder, nil)
	if _, err := b.js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "REPLIES", Subjects: []string{"replies.>"}}); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"ORDERBEAT_ORDERS", "ORDERBEAT_RESULTS", "ORDERBEAT_ALERTS", "REPLIES"} {
		b.reconfigure(name, func(c *jetstream.StreamConfig) { c.Duplicates = 100 * time.Millisecond })
	}
	file, err := sql.Open("sqlite3", filepath.Join(folder, "orderbeat.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	// A trigger saves deleted rows of the outbox, which are restored after the "crash".
	if _, err := file.Exec(`CREATE TABLE outbox_gone AS SELECT * FROM outbox WHERE 0;
		CREATE TRIGGER outbox_keep BEFORE DELETE ON outbox WHEN old.topic IN ('orders', 'results', 'alerts', 'reply') BEGIN INSERT INTO outbox_gone SELECT * FROM outbox WHERE id = old.id; END;`); err != nil {
		t.Fatal(err)
	}
	for n := range 3 {
		b.supplier.answers(lists(int64(n), "SO1", "SO2"))
		b.hasResult(b.sync("detroit").ID)
	}
	b.publish("orderbeat.runs.michelin.sync", ``, nats.Header{"Orderbeat-Reply-To": {"replies.mine"}})
	b.eventually("the reply is there", func() bool { return b.holds("REPLIES", "replies.mine") == 1 })
	b.settled()
	for _, code := range []clients.Code{"one", "two"} {
		if _, err := b.db.Raise(t.Context(), alerts.Alert{Provider: "michelin", Code: code, Message: "m", Hint: "h"}); err != nil {
			t.Fatal(err)
		}
		if _, err := b.db.Resolve(t.Context(), "michelin", "", "", code); err != nil {
			t.Fatal(err)
		}
	}
	b.settled()
	if err := b.stop(); err != nil {
		t.Fatal(err)
	}
	// Another requester with the same subject has no reply yet.
	if _, err := file.Exec(`DROP TRIGGER outbox_keep; INSERT INTO outbox SELECT * FROM outbox_gone;
		UPDATE outbox_gone SET id = id + 1000, msg_id = msg_id || '0' WHERE topic = 'reply'; INSERT INTO outbox SELECT * FROM outbox_gone WHERE topic = 'reply'; DROP TABLE outbox_gone`); err != nil {
		t.Fatal(err)
	}
	again := startIn(t, folder, nil)
	again.settled()
	if o, r, a := again.count("ORDERBEAT_ORDERS"), again.count("ORDERBEAT_RESULTS"), again.count("ORDERBEAT_ALERTS"); o != 8 || r != 4 || a != 4 {
		t.Errorf("got %d events, %d results and %d alerts, want 8, 4 and 4: each once", o, r, a)
	}
	if n := again.count("REPLIES"); n != 2 {
		t.Errorf("got %d replies, want one for each requester", n)
	}
}

// An alert does not count as published because a later one, or one of another database, is in the
// stream.
func TestAlertOfAnotherDatabaseIsNotADuplicate(t *testing.T) {
	t.Parallel()
	b := start(t, nil)
	b.publish("orderbeat.alerts.michelin.test", `{"code":"test","state":"raised","provider":"michelin","message":"another"}`,
		nats.Header{"Nats-Msg-Id": {"michelin.test.1.raised"}, "ce-id": {"michelin.test.1.raised"}, "ce-type": {outbox.TypeAlertRaised}, "ce-time": {"2099-01-01T00:00:00Z"}})
	if _, err := b.db.Raise(t.Context(), alerts.Alert{Provider: "michelin", Code: "test", Message: "mine", Hint: "h", Since: time.Now().Add(-time.Hour)}); err != nil {
		t.Fatal(err)
	}
	b.eventually("both are there", func() bool { return b.holds("ORDERBEAT_ALERTS", "orderbeat.alerts.michelin.test") == 2 })
}
