package worker_test

import (
	"context"
	"encoding/json"
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

// bucketKeys are the keys of the open runs.
func (b *bench) bucketKeys() []string {
	b.t.Helper()
	kv, err := b.js.KeyValue(b.t.Context(), "ORDERBEAT_OPEN_RUNS")
	if err != nil {
		b.t.Fatal(err)
	}
	keys, err := kv.Keys(b.t.Context())
	if err != nil && len(keys) > 0 {
		b.t.Fatal(err)
	}
	slices.Sort(keys)
	return keys
}

// loseLease makes the worker stop as if another one had taken over, which then released the lease.
func (b *bench) loseLease() {
	b.t.Helper()
	kv, err := b.js.KeyValue(b.t.Context(), "ORDERBEAT_WORKER")
	if err != nil {
		b.t.Fatal(err)
	}
	was, err := kv.Get(b.t.Context(), "store")
	if err != nil {
		b.t.Fatal(err)
	}
	var lease map[string]any
	b.decode(was.Value(), &lease)
	lease["process"], lease["released"] = "another", true
	text, err := json.Marshal(lease)
	if err != nil {
		b.t.Fatal(err)
	}
	if _, err := kv.Put(b.t.Context(), "store", text); err != nil {
		b.t.Fatal(err)
	}
	_ = b.stops()
	if err := b.stop(); err != nil {
		b.t.Fatal(err)
	}
}

func hangs(ctx context.Context, _ clients.Query) (clients.Answer, error) {
	<-ctx.Done()
	return clients.Answer{}, ctx.Err()
}

// What the leader has accepted and not done is done by the next one, with its own database, under the
// same ids: one result for each run, and a reply for everyone who asked for one.
func TestNextLeaderContinuesOpenRuns(t *testing.T) {
	t.Parallel()
	url, folder := depot(t)().ClientURL(), t.TempDir()
	first := startIn(t, folder, on(url))
	second := launch(t, t.TempDir(), on(url))
	second.eventually("it follows", func() bool { return second.logged.count(saysFollows) == 1 })
	if _, err := first.js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "REPLIES", Subjects: []string{"replies.>"}}); err != nil {
		t.Fatal(err)
	}
	first.hasResult(first.sync("detroit").ID)
	first.eventually("a run with a result is not open", func() bool { return len(first.bucketKeys()) == 0 })
	first.supplier.answers(hangs)
	for i := range 8 { // they occupy all slots
		first.publish("orderbeat.runs.michelin.fetch", `{"accounts":["st. paul"],"order_ids":["BUSY`+string(rune('0'+i))+`"]}`, nil)
	}
	first.eventually("the provider is busy", func() bool { return first.supplier.calls() >= 4 })
	asked := nats.Header{"Nats-Msg-Id": {"mine"}, "Orderbeat-Reply-To": {"replies.first"}}
	first.publish("orderbeat.runs.michelin.sync", `{"lookback":"3d"}`, asked)
	first.eventually("it is planned", func() bool { return first.value("SELECT count(*) FROM runs WHERE key = 'mine'") == "1" })
	first.publish("orderbeat.runs.michelin.sync", `{"lookback":"3d"}`, nats.Header{"Nats-Msg-Id": {"other"}, "Orderbeat-Reply-To": {"replies.joined"}})
	first.eventually("it joined the run", func() bool { return first.value("SELECT count(*) FROM joined_requests") == "1" })
	first.publish("orderbeat.runs.michelin.sync", `{"lookback":"never"}`, nil) // ends at once
	first.eventually("its result is published", func() bool { return first.holds("ORDERBEAT_RESULTS", "orderbeat.results.>") == 2 })
	first.ask("runs.start", `{"provider":"michelin","kind":"check"}`)
	backfill := first.ask("runs.start", `{"provider":"michelin","kind":"backfill","params":{"from":"2025-01-01","to":"2025-02-01"}}`).Run.ID
	first.ask("runs.pause", `{"run_id":"`+backfill+`","note":"later"}`)
	first.eventually("all are open", func() bool { return len(first.bucketKeys()) == 8+1+1+1+1 })
	planned := first.value("SELECT json_group_array(job_id ORDER BY job_id) FROM jobs WHERE state NOT IN ('succeeded', 'failed')")
	kv, err := first.js.KeyValue(t.Context(), "ORDERBEAT_OPEN_RUNS")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := kv.Put(t.Context(), "garbage", []byte("{}")); err != nil {
		t.Fatal(err)
	}
	first.loseLease()
	second.waitRunning()
	second.eventually("the others have ended", func() bool {
		return second.value("SELECT count(*) FROM runs WHERE state NOT IN ('queued', 'running')") == "12" // and those that the first has ended
	})
	if again := second.value("SELECT json_group_array(job_id ORDER BY job_id) FROM jobs"); again != planned {
		t.Errorf("got jobs %s, want %s", again, planned)
	}
	if got := second.value("SELECT paused_at IS NOT NULL AND note = 'later' FROM runs WHERE run_id = '" + backfill + "'"); got != "1" {
		t.Error("the paused run is not paused")
	}
	second.eventually("each has one result", func() bool { return second.holds("ORDERBEAT_RESULTS", "orderbeat.results.>") == 1+1+10 })
	second.eventually("both requesters have a reply", func() bool {
		return second.holds("REPLIES", "replies.first") == 1 && second.holds("REPLIES", "replies.joined") == 1
	})
	second.publish("orderbeat.runs.michelin.sync", `{}`, nats.Header{"Nats-Msg-Id": {"mine"}}) // a duplicate
	second.ask("runs.resume", `{"run_id":"`+backfill+`"}`)
	second.hasResult(backfill)
	second.eventually("no run is open", func() bool { return slices.Equal(second.bucketKeys(), []string{"garbage"}) })
	if n := second.logged.count("skipping an unreadable entry of an open run"); n == 0 {
		t.Error("the unreadable entry was not logged")
	}
	results := second.holds("ORDERBEAT_RESULTS", "orderbeat.results.>")
	if err := second.stop(); err != nil {
		t.Fatal(err)
	}

	// The first one's database has these runs, too. It ends them, and publishes no result again.
	again := startIn(t, folder, on(url))
	again.eventually("its runs have ended", func() bool {
		open, err := again.db.Runs(t.Context(), runs.RunFilter{State: jobs.Queued, Limit: 1})
		return err == nil && len(open) == 0
	})
	again.ask("runs.resume", `{"run_id":"`+backfill+`"}`)
	again.settled()
	if n := again.holds("ORDERBEAT_RESULTS", "orderbeat.results.>"); n != results {
		t.Errorf("got %d results, want %d: one for each run", n, results)
	}
}

// A schedule that an operator paused stays paused when another process leads, and a resumed one runs.
func TestNextLeaderHonoursPauses(t *testing.T) {
	t.Parallel()
	url := depot(t)().ClientURL()
	scheduled := func(c *worker.Config) {
		on(url)(c)
		for _, name := range []string{"a schedule", "other", "third"} {
			c.Schedules = append(c.Schedules, worker.Schedule{Name: name, Cron: cron.Every(time.Second), Provider: "michelin", Kind: "check", Overlap: "allow", CatchUp: "none"})
		}
	}
	first := startIn(t, t.TempDir(), scheduled)
	second := launch(t, t.TempDir(), scheduled)
	second.eventually("it follows", func() bool { return second.logged.count(saysFollows) == 1 })
	if err := second.db.PauseSchedule(t.Context(), "third", "old", time.Now()); err != nil {
		t.Fatal(err)
	}
	first.ask("schedules.pause", `{"name":"a schedule","note":"tyres"}`)
	for _, name := range []string{"other", "third"} {
		first.ask("schedules.pause", `{"name":"`+name+`"}`)
		first.ask("schedules.resume", `{"name":"`+name+`"}`)
	}
	if err := first.stop(); err != nil {
		t.Fatal(err)
	}
	second.waitRunning()
	second.eventually("the others run", func() bool {
		return second.value("SELECT count(DISTINCT schedule) FROM ticks WHERE run_id IS NOT NULL AND schedule IN ('other', 'third')") == "2"
	})
	second.eventually("a paused one is skipped", func() bool {
		return second.value("SELECT count(*) FROM ticks WHERE schedule = 'a schedule' AND reason = 'paused: tyres'") != "0"
	})
	if n := second.value("SELECT count(*) FROM ticks WHERE run_id IS NOT NULL AND schedule = 'a schedule'"); n != "0" {
		t.Errorf("got %s runs of a paused schedule", n)
	}
}

// breakBucket makes the bucket of open runs take nothing, until mend is called.
func (b *bench) breakBucket() (mend func()) {
	b.t.Helper()
	const name = "KV_ORDERBEAT_OPEN_RUNS"
	if err := b.js.DeleteStream(b.t.Context(), name); err != nil {
		b.t.Fatal(err)
	}
	if _, err := b.js.CreateStream(b.t.Context(), jetstream.StreamConfig{Name: name, Subjects: []string{"elsewhere"}}); err != nil {
		b.t.Fatal(err)
	}
	return func() {
		b.t.Helper()
		if err := b.js.DeleteStream(b.t.Context(), name); err != nil {
			b.t.Fatal(err)
		}
	}
}

// Without access to the bucket a message stays in the stream, and the API does not accept a run.
func TestOpenRunsWithoutTheirBucket(t *testing.T) {
	t.Parallel()
	b := startIn(t, t.TempDir(), on(depot(t)().ClientURL()))
	mend := b.breakBucket()
	b.publish("orderbeat.runs.michelin.sync", `{"lookback":"3d"}`, nil)
	b.eventually("it stays in the stream", func() bool { return b.logged.count("failed to store a request, will retry") > 0 })
	refused := b.request("runs.start", `{"provider":"michelin","kind":"sync"}`, nil)
	if text := string(refused.Data); refused.Header.Get("Nats-Service-Error-Code") != "503" || !strings.Contains(text, "run not accepted, because saving it in NATS failed: bucket ORDERBEAT_OPEN_RUNS: ") {
		t.Errorf("got %s, want that the run is not accepted", text)
	}
	b.eventually("it is logged", func() bool { return b.logged.count("failed to record open runs") > 0 })
	if n := b.value("SELECT count(*) FROM runs"); n != "0" {
		t.Errorf("got %s runs, want none before its entry is written", n)
	}
	mend()
	b.eventually("the message is planned", func() bool { return b.value("SELECT count(*) FROM runs WHERE trigger = 'nats'") == "1" })
	b.supplier.answers(hangs)
	b.publish("orderbeat.runs.michelin.sync", ``, nil)
	b.eventually("the bucket is made again", func() bool {
		_, err := b.js.KeyValue(t.Context(), "ORDERBEAT_OPEN_RUNS")
		return err == nil && len(b.bucketKeys()) > 0
	})
}

// A due time whose run could not be handed over is run by the next leader.
func TestNextLeaderRunsUnkeptDueTimes(t *testing.T) {
	t.Parallel()
	url := depot(t)().ClientURL()
	scheduled := func(c *worker.Config) {
		on(url)(c)
		c.Schedules = []worker.Schedule{{Name: "often", Cron: cron.Every(time.Second), Provider: "michelin", Kind: "sync", Accounts: []string{"detroit"}, Overlap: "allow", CatchUp: "all"}}
	}
	first := startIn(t, t.TempDir(), scheduled)
	second := launch(t, t.TempDir(), scheduled)
	second.eventually("it follows", func() bool { return second.logged.count(saysFollows) == 1 })
	first.eventually("it runs", func() bool { return first.value("SELECT count(*) > 1 FROM ticks WHERE run_id IS NOT NULL") == "1" })
	first.supplier.answers(hangs)
	mend := first.breakBucket()
	// A run before may have its entry in the bucket that is gone.
	open := "FROM ticks JOIN runs USING (run_id) WHERE runs.state IN ('queued', 'running') AND due_at > '" + time.Now().UTC().Format("2006-01-02T15:04:05.000Z") + "'"
	first.eventually("runs are open", func() bool { return first.value("SELECT count(*) > 2 "+open) == "1" })
	due := first.value("SELECT json_group_array(due_at) " + open)
	first.loseLease()
	mend()
	second.waitRunning()
	second.eventually("their due times are run", func() bool {
		return second.value("SELECT count(*) FROM json_each('"+due+"') WHERE value NOT IN (SELECT due_at FROM ticks WHERE run_id IS NOT NULL)") == "0"
	})
}

// What could not be handed over before the process ended is handed over by its next start.
func TestNextStartHandsOver(t *testing.T) {
	t.Parallel()
	url, folder := depot(t)().ClientURL(), t.TempDir()
	scheduled := func(c *worker.Config) {
		on(url)(c)
		c.Schedules = []worker.Schedule{{Name: "often", Cron: cron.Every(time.Second), Provider: "michelin", Kind: "sync", Accounts: []string{"detroit"}, Overlap: "allow", CatchUp: "all"}}
	}
	first := launch(t, folder, scheduled)
	first.supplier.answers(hangs)
	first.waitRunning()
	mend := first.breakBucket()
	const open = "SELECT json_group_array(run_id) FROM runs WHERE state IN ('queued', 'running')"
	first.eventually("runs are open", func() bool { return first.value("SELECT count(*) > 2 FROM runs") == "1" })
	if err := first.stop(); err != nil {
		t.Fatal(err)
	}
	mend()
	again := launch(t, folder, on(url))
	again.supplier.answers(hangs)
	again.waitRunning()
	var runs []string
	again.decode([]byte(again.value(open)), &runs)
	again.eventually("all are kept", func() bool {
		kept := strings.Join(again.bucketKeys(), "\n")
		return len(runs) > 2 && !slices.ContainsFunc(runs, func(id string) bool { return !strings.Contains(kept, id) })
	})
}

// A pause that could not be handed over, because NATS was away, outlives a restart.
func TestOwnPauseOutlivesARestart(t *testing.T) {
	t.Parallel()
	url, folder := depot(t)().ClientURL(), t.TempDir()
	scheduled := func(c *worker.Config) {
		on(url)(c)
		for _, name := range []string{"paused", "resumed"} {
			c.Schedules = append(c.Schedules, worker.Schedule{Name: name, Cron: cron.Every(time.Hour), Provider: "michelin", Kind: "check", Overlap: "allow", CatchUp: "none"})
		}
	}
	first := startIn(t, folder, scheduled)
	for _, name := range []string{"paused", "resumed"} {
		first.ask("schedules.pause", `{"name":"`+name+`"}`)
	}
	first.ask("schedules.resume", `{"name":"paused"}`)
	if err := first.db.PauseSchedule(t.Context(), "paused", "", time.Now()); err != nil {
		t.Fatal(err)
	}
	if _, err := first.db.ResumeSchedule(t.Context(), "resumed"); err != nil {
		t.Fatal(err)
	}
	if err := first.stop(); err != nil {
		t.Fatal(err)
	}
	for _, in := range []string{folder, t.TempDir()} { // then another database
		again := startIn(t, in, scheduled)
		again.eventually("one is paused", func() bool { return again.value("SELECT group_concat(schedule) FROM schedules") == "paused" })
		if err := again.stop(); err != nil {
			t.Fatal(err)
		}
	}
}
