package main // an inside test: a main package cannot be imported

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"orderbeat/clients"
	"orderbeat/cmd/orderbeat/cli"
	"orderbeat/db/outbox"
	"orderbeat/jobs"
)

// quiet waits until everything is done, at most two minutes, and compares what was requested, stored and
// published.
func (k *killed) quiet() {
	k.t.Helper()
	k.checked = k.kills
	k.calls("schedules.pause", `{"name":"steady"}`)
	k.done()
	k.calls("runs.start", `{"provider":"acme","kind":"sync","params":{"lookback":"30d"},"wait":true}`)
	k.done()
	k.read()
	k.compare()
	k.database()
	k.calls("schedules.resume", `{"name":"steady"}`)
}

// calls calls an operation until it is done.
func (k *killed) calls(endpoint, body string) {
	k.t.Helper()
	var reply killedRun
	k.m.eventually(endpoint, func() bool {
		err := k.request(k.t.Context(), endpoint, body, &reply)
		if reply.Run.ID != "" {
			k.runs[reply.Run.ID] = true
		}
		return err == nil || strings.Contains(err.Error(), "already paused")
	})
}

// done waits until every request is accepted, every job has ended and every message is published.
func (k *killed) done() {
	k.t.Helper()
	left := ""
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(20 * time.Millisecond) {
		if left = k.left(); left == "" {
			return
		}
		if time.Now().After(deadline) {
			k.t.Fatalf("not done after two minutes: %s", left)
		}
	}
}

func (k *killed) left() string {
	k.t.Helper()
	if k.again(k.t.Context()); len(k.open) > 0 {
		return fmt.Sprintf("%d requests that are not accepted", len(k.open))
	}
	// After a kill the server may keep a message that is acknowledged: the stream itself is not always empty.
	planner, err := k.js.Consumer(k.t.Context(), "ORDERBEAT_RUNS", "planner")
	if err != nil {
		return err.Error()
	}
	if info := planner.CachedInfo(); info.NumPending > 0 || info.NumAckPending > 0 {
		return fmt.Sprintf("%d requests that are not delivered, %d that are not planned", info.NumPending, info.NumAckPending)
	}
	// The order matters: a run that ends enqueues its result.
	for _, what := range []string{"runs WHERE state IN ('queued', 'running')", "jobs WHERE state IN ('queued', 'running', 'waiting')", "outbox"} {
		if n := k.value("SELECT count(*) FROM " + what); n != "0" {
			return n + " " + what
		}
	}
	return ""
}

// read reads what is new in the streams: nothing is in them twice, and the revisions of an order are
// consecutive.
func (k *killed) read() {
	k.t.Helper()
	k.each("ORDERBEAT_ORDERS", func(msg jetstream.Msg) {
		var e outbox.EventBody
		if err := json.Unmarshal(msg.Data(), &e); err != nil {
			k.t.Fatal(err)
		}
		id, key := msg.Headers().Get("ce-id"), e.Account+"/"+e.OrderID
		if replay := msg.Headers().Get(outbox.HeaderReplay); replay != "" {
			k.replayed++
			k.replaysOf[replay]++
			if !k.events[id] {
				k.t.Errorf("event %s was replayed before it was published", id)
			}
			return
		}
		if k.events[id] {
			k.t.Errorf("event %s is in the stream twice", id)
		}
		k.events[id] = true
		if e.Revision != k.revisions[key]+1 {
			k.t.Errorf("%s: revision %d follows %d", key, e.Revision, k.revisions[key])
		}
		var o clients.Order
		if err := json.Unmarshal(msg.Data(), &struct{ Order *clients.Order }{&o}); err != nil || len(o.Lines) != 1 {
			k.t.Fatalf("%v in %s", err, msg.Data())
		}
		k.revisions[key], k.last[key] = e.Revision, string(o.Lines[0].Description)
	})
	k.each("ORDERBEAT_RESULTS", func(msg jetstream.Msg) {
		k.results++
		k.resultsOf[msg.Headers().Get("ce-subject")]++
		var run jobs.Run
		if err := json.Unmarshal(msg.Data(), &run); err != nil {
			k.t.Fatal(err)
		}
		if schedule, ok := jobs.ScheduleOf(run.Trigger); ok {
			due := schedule + " " + run.DueAt.UTC().Format("2006-01-02T15:04:05.000Z")
			if k.due[due] == nil {
				k.due[due] = map[string]bool{}
			}
			k.due[due][run.ID] = true
		}
	})
	k.each("REPLIES", func(msg jetstream.Msg) { k.replies[msg.Subject()]++ })
}

// each calls use with the messages of a stream since the last time. No Nats-Msg-Id is used twice.
func (k *killed) each(stream string, use func(jetstream.Msg)) {
	k.t.Helper()
	s, err := k.js.Stream(k.t.Context(), stream)
	if err != nil {
		k.t.Fatal(err)
	}
	last := s.CachedInfo().State.LastSeq
	if last < max(1, k.next[stream]) {
		return
	}
	consumer, err := k.js.OrderedConsumer(k.t.Context(), stream, jetstream.OrderedConsumerConfig{DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: max(1, k.next[stream])})
	if err != nil {
		k.t.Fatal(err)
	}
	messages, err := consumer.Messages()
	if err != nil {
		k.t.Fatal(err)
	}
	defer messages.Stop()
	for at := uint64(0); at < last; {
		msg, err := messages.Next(jetstream.NextMaxWait(60 * time.Second))
		if err != nil {
			k.t.Fatalf("%s: %v", stream, err)
		}
		meta, err := msg.Metadata()
		if err != nil {
			k.t.Fatal(err)
		}
		at = meta.Sequence.Stream
		id := stream + " " + msg.Headers().Get(jetstream.MsgIDHeader)
		if id == stream+" " || k.ids[id] {
			k.t.Errorf("message %d of %s has the Nats-Msg-Id %q, want one that no other has", at, stream, id)
		}
		k.ids[id] = true
		use(msg)
	}
	k.next[stream] = last + 1
}

// compare compares what was accepted, stored and published with each other and with the provider.
func (k *killed) compare() {
	k.t.Helper()
	var stored map[string]struct {
		Revision int
		Version  string
	}
	text := k.value(`SELECT json_group_object(account || '/' || order_id, json_object('revision', revision, 'version', document ->> '$.lines[0].description')) FROM orders`)
	if err := json.Unmarshal([]byte(text), &stored); err != nil {
		k.t.Fatal(err)
	}
	for account, versions := range k.book.versions {
		for n, version := range versions {
			key, want := fmt.Sprintf("%s/%[1]s-%d", account, n), fmt.Sprint("v", version)
			if got := stored[key]; got.Version != want || got.Revision != k.revisions[key] || k.last[key] != want || got.Revision < k.acked[key] {
				k.t.Errorf("%s: stored as %+v, published as revision %d with %s, replied as revision %d, want %s", key, got, k.revisions[key], k.last[key], k.acked[key], want)
			}
		}
	}
	if n := killedAccounts * killedOrders; len(stored) != n {
		k.t.Errorf("got %d orders, want %d", len(stored), n)
	}
	if n := k.value("SELECT count(*) FROM order_events"); n != fmt.Sprint(len(k.events)) {
		k.t.Errorf("got %d events in the stream, %s in the history", len(k.events), n)
	}
	for id, n := range k.replays {
		if k.replaysOf[id] != n {
			k.t.Errorf("replay %s has %d events in the stream, want %d", id, k.replaysOf[id], n)
		}
	}
	var ended map[string]int
	text = k.value("SELECT json_group_object(run_id, 1 + reopened) FROM runs")
	if err := json.Unmarshal([]byte(text), &ended); err != nil {
		k.t.Fatal(err)
	}
	for run, n := range ended {
		if k.resultsOf[run] != n {
			k.t.Errorf("run %s has %d results, want %d", run, k.resultsOf[run], n)
		}
	}
	if len(k.resultsOf) != len(ended) {
		k.t.Errorf("got results of %d runs, want %d", len(k.resultsOf), len(ended))
	}
	for run := range k.runs {
		if ended[run] == 0 {
			k.t.Errorf("run %s was accepted and is not there", run)
		}
	}
	for n, attempts := range k.accepted {
		replied := 0
		for attempt := range attempts {
			got := k.replies[fmt.Sprintf("replies.%d.%d", n, attempt)]
			if replied += got; got > 1 {
				k.t.Errorf("request %d was replied %d times", n, got)
			}
		}
		if replied == 0 {
			k.t.Errorf("request %d has no reply", n)
		}
	}
}

// value reads one value from the database file, and closes the file: an open one would spare the next
// process the recovery of the write-ahead log.
func (k *killed) value(query string) (value string) {
	k.t.Helper()
	file := openFile(k.t, k.config)
	defer file.Close()
	if err := file.QueryRowContext(k.t.Context(), query).Scan(&value); err != nil {
		k.t.Fatalf("%s: %v", query, err)
	}
	return value
}

// database checks the database from outside.
func (k *killed) database() {
	k.t.Helper()
	for what, query := range map[string]string{
		"requests with two runs":   `SELECT count(*) FROM (SELECT key FROM (SELECT key FROM runs UNION ALL SELECT key FROM joined_requests) WHERE key LIKE 'request-%' GROUP BY key HAVING count(*) > 1)`,
		"requests with a run":      fmt.Sprintf(`SELECT count(*) - %d FROM (SELECT key FROM runs UNION SELECT key FROM joined_requests) WHERE key LIKE 'request-%%'`, len(k.accepted)),
		"jobs without a response":  `SELECT count(*) FROM jobs AS j WHERE state = 'succeeded' AND NOT EXISTS (SELECT 1 FROM exchanges AS x WHERE x.job_id = j.job_id AND x.attempt = j.attempts AND x.status = 200 AND x.detail = 'full')`,
		"jobs with two responses":  `SELECT count(*) FROM (SELECT 1 FROM exchanges WHERE status = 200 GROUP BY job_id, attempt HAVING count(*) > 1)`,
		"jobs that failed":         `SELECT count(*) FROM jobs WHERE state NOT IN ('succeeded', 'cancelled') AND crashes < 3`,
		"due times without a run":  `SELECT count(*) FROM ticks AS t WHERE NOT EXISTS (SELECT 1 FROM runs AS r WHERE r.run_id = t.run_id) AND NOT (outcome = 'skipped' AND reason LIKE 'paused%')`,
		"seconds without due time": `SELECT count(*) FROM (SELECT at - lag(at) OVER (ORDER BY at) AS step FROM (SELECT unixepoch(due_at) AS at FROM ticks)) WHERE step <> 1`,
		"messages set aside":       `SELECT count(*) FROM unpublishable`,
	} {
		if n := k.value(query); n != "0" {
			k.t.Errorf("%s: %s", what, n)
		}
	}
	if r := do(k.t, "--config", k.config, "db", "check"); r.status != cli.Done {
		k.t.Errorf("db check: %s%s", r.stdout, r.stderr)
	}
}
