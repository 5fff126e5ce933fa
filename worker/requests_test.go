package worker_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/robfig/cron/v3"

	"orderbeat/clients"
	"orderbeat/db/runs"
	"orderbeat/jobs"
	"orderbeat/worker"
)

// A caller who may only publish requests cannot use up a due time of a schedule.
func TestCallersCannotClaimDueTimes(t *testing.T) {
	t.Parallel()
	b := start(t, func(c *worker.Config) {
		c.Schedules = []worker.Schedule{{Name: "nightly", Provider: "michelin", Kind: "sync", Cron: cron.Every(time.Second), CatchUp: "none", Overlap: "allow"}}
	})
	due := time.Now().Add(4 * time.Second).Truncate(time.Second).UTC() // after the requests, on a busy machine too
	key := "nightly@" + due.Format(time.RFC3339)
	for _, id := range []string{key, "other@2031-01-01T00:00:00+02:00", key + "." + strings.Repeat("0", 32)} {
		b.publish("orderbeat.runs.michelin.fetch", `{"order_ids":["NOSUCH"]}`, nats.Header{"Nats-Msg-Id": {id}})
	}
	b.eventually("two requests are rejected", func() bool {
		runs, err := b.db.Runs(t.Context(), runs.RunFilter{Kind: "fetch", State: jobs.Failed})
		runs = slices.DeleteFunc(runs, func(r jobs.Run) bool {
			return r.Trigger != "nats" || r.Errors[0].Code != clients.CodeInvalid || !strings.Contains(r.Errors[0].Message, "reserved")
		})
		return err == nil && len(runs) == 2
	})
	b.eventually("the due time has its run", func() bool {
		ticks, err := b.db.Ticks(t.Context(), "nightly", due, due.Add(time.Second))
		if err != nil || len(ticks) == 0 || ticks[0].RunID == "" {
			return false
		}
		run, found, err := b.db.Run(t.Context(), ticks[0].RunID)
		return err == nil && found && run.Trigger == "schedule:nightly" && run.Kind == "sync" && run.Key == key
	})
}

// Callers choose reply subjects; a reply is sent to each accepted one.
func TestReplySubjects(t *testing.T) {
	t.Parallel()
	b := start(t, nil)
	for n, subject := range []string{
		"orderbeat.orders.michelin.detroit.SO1", "orderbeat.alerts.michelin.x", "orderbeat.jobs.michelin.detroit.sync", "orderbeat.runs.michelin.sync",
		"orderbeat.api.runs.start", "orderbeat.x", "$KV.ORDERBEAT_WORKER.store", "$JS.API.INFO", "a..b", "a.", ".a", "a.*", "a.>", "a\x00b", "a\u0085b", strings.Repeat("a", 1025),
	} {
		b.publish("orderbeat.runs.michelin.sync", ``, nats.Header{"Orderbeat-Reply-To": {subject}})
		if r := b.result(n + 1); r.State != jobs.Failed || !strings.Contains(r.Errors[0].Message, "not a valid reply subject") {
			t.Errorf("%q: got %+v, want it rejected", subject, r)
		}
	}
	for _, subject := range []string{strings.Repeat("b", 1024), "_INBOX.abc.def", "orderbeats.mine"} {
		replies, err := b.conn.SubscribeSync(subject)
		if err != nil {
			t.Fatal(err)
		}
		if err := b.conn.Flush(); err != nil {
			t.Fatal(err)
		}
		b.publish("orderbeat.runs.michelin.sync", ``, nats.Header{"Orderbeat-Reply-To": {subject}})
		if _, err := replies.NextMsg(time.Minute); err != nil {
			t.Errorf("%.20s: %v, want the result", subject, err)
		}
	}
}

// asks publishes equal requests while the run waits, with ids and reply subjects of their own.
func (b *bench) asks(n int, subject func(int) string) {
	b.t.Helper()
	for i := range n {
		b.publish("orderbeat.runs.michelin.sync", `{"accounts":["detroit"]}`, nats.Header{
			"Nats-Msg-Id": {fmt.Sprint("request-", i)}, "Orderbeat-Reply-To": {subject(i)},
		})
	}
}

// A stream of replies has one for each request: also for one that was repeated with another
// subject, for those that joined a run, and after the run was cancelled.
func TestEveryRequesterGetsAReply(t *testing.T) {
	t.Parallel()
	for name, cancel := range map[string]bool{"succeeded": false, "cancelled": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := start(t, func(c *worker.Config) { c.Providers[0].Concurrency = 1 })
			if _, err := b.js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "REPLIES", Subjects: []string{"replies.>"}}); err != nil {
				t.Fatal(err)
			}
			answer := make(chan struct{})
			b.supplier.answers(func(ctx context.Context, q clients.Query) (clients.Answer, error) {
				select {
				case <-answer:
				case <-ctx.Done():
				}
				return lists(0, "SO1")(ctx, q)
			})
			b.ask("runs.start", `{"provider":"michelin","kind":"sync","accounts":["st. paul"]}`) // occupies the only slot
			b.eventually("it is in flight", func() bool { return b.supplier.calls() == 1 })
			const requests = 9
			b.asks(requests, func(i int) string { return fmt.Sprint("replies.", i%3) }) // some share a subject
			b.eventually("they are one run", func() bool { return b.value("SELECT count(*) FROM joined_requests") == fmt.Sprint(requests-1) })
			b.asks(2, func(i int) string { return fmt.Sprint("replies.repeated.", i) }) // the stream of requests drops these
			if cancel {
				b.ask("runs.cancel", fmt.Sprintf(`{"run_id":%q}`, b.value("SELECT run_id FROM runs WHERE key LIKE 'request-%'")))
			}
			close(answer)
			b.eventually("every request has a reply", func() bool { return b.holds("REPLIES", "replies.>") == requests+2 })
			b.asks(1, func(int) string { return "replies.late" })
			b.eventually("a repeated request has one when the run is over", func() bool { return b.holds("REPLIES", "replies.late") == 1 })
			want := jobs.Succeeded
			if cancel {
				want = jobs.Cancelled
			}
			for _, m := range b.messages("REPLIES", "replies.>", requests+3) {
				var run jobs.Run
				b.decode(m.Data(), &run)
				if run.State != want || m.Headers().Get("ce-id") != run.ID+".result" {
					t.Errorf("got %+v with ce-id %s, want %s", run, m.Headers().Get("ce-id"), want)
				}
			}
			b.settled()
			if n := b.logged.count("message id used by another publisher"); n != 0 {
				t.Errorf("got %d replies with the id of another, want none", n)
			}
			if n := b.holds("REPLIES", "replies.>"); n != requests+3 {
				t.Errorf("got %d replies, want %d", n, requests+3)
			}
		})
	}
}

// A full stream of a caller delays only its own replies.
func TestFullStreamOfACallerDelaysNoOther(t *testing.T) {
	t.Parallel()
	b := start(t, nil)
	full, err := b.js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "FULL", Subjects: []string{"full.>"}, MaxMsgs: 1, Discard: jetstream.DiscardNew})
	if err != nil {
		t.Fatal(err)
	}
	b.publish("full.x", ``, nil)
	replies, err := b.conn.SubscribeSync("mine")
	if err != nil {
		t.Fatal(err)
	}
	b.publish("orderbeat.runs.michelin.sync", ``, nats.Header{"Orderbeat-Reply-To": {"full.mine"}})
	b.result(1)
	b.publish("orderbeat.runs.michelin.sync", ``, nats.Header{"Orderbeat-Reply-To": {"mine"}})
	if _, err := replies.NextMsg(time.Minute); err != nil {
		t.Errorf("%v, want the other's result", err)
	}
	if err := full.Purge(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.eventuallyWithin(time.Minute, "the reply comes when there is room", func() bool { return b.holds("FULL", "full.mine") == 1 })
}

// An order that the provider no longer has is returned from the database, with not_found_since.
func TestOrderThatIsNoLongerFound(t *testing.T) {
	t.Parallel()
	b := start(t, nil)
	const question = `{"provider":"michelin","account":"detroit","order_id":"SO1","max_age":"0s"}`
	type reply struct {
		Source        string     `json:"source"`
		NotFoundSince *time.Time `json:"not_found_since"`
	}
	get := func() (r reply) {
		b.decode(b.request("orders.get", question, nil).Data, &r)
		return r
	}
	if r := get(); r.Source != "live" || r.NotFoundSince != nil {
		t.Errorf("got %+v, want it live", r)
	}
	b.supplier.answers(lists(0))
	first := get()
	if first.Source != "stored" || first.NotFoundSince == nil || time.Since(*first.NotFoundSince) > time.Minute {
		t.Fatalf("got %+v, want it stored, and not found since now", first)
	}
	if r := get(); r.NotFoundSince == nil || !r.NotFoundSince.Equal(*first.NotFoundSince) {
		t.Errorf("got %+v, want the time of the first answer", r)
	}
	b.supplier.answers(lists(0, "SO1"))
	if r := get(); r.Source != "live" || r.NotFoundSince != nil {
		t.Errorf("got %+v, want it live again", r)
	}
}
