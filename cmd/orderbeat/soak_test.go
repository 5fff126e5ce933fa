package main // an inside test: a main package cannot be imported

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nkeys"

	"orderbeat/cmd/orderbeat/cli"
)

// TestSoakWithAnOperator does what operators do, at random, to NATS, the process and its
// credentials, while a schedule is due every second. Afterwards everything is stored, published
// once and acknowledged. It lasts 30 seconds or $ORDERBEAT_TEST_SOAK; ORDERBEAT_TEST_SEED
// repeats a sequence.
func TestSoakWithAnOperator(t *testing.T) {
	t.Parallel() // mostly waits
	lasts, seed := campaign(t, "ORDERBEAT_TEST_SOAK", 30*time.Second)
	s := newSoak(t, seed)
	for end := time.Now().Add(lasts); time.Now().Before(end); {
		s.act()
	}
	s.quiet()
}

// campaign returns the duration of a test of random actions, from the environment variable name,
// and its seed, from ORDERBEAT_TEST_SEED.
func campaign(t *testing.T, name string, short time.Duration) (lasts time.Duration, seed uint64) {
	t.Helper()
	lasts = short
	if text := os.Getenv(name); text != "" {
		var err error
		if lasts, err = time.ParseDuration(text); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%s=%s", name, lasts)
	return lasts, seedOf(t)
}

// seedOf returns the seed of random choices, from ORDERBEAT_TEST_SEED, and prints it.
func seedOf(t *testing.T) (seed uint64) {
	t.Helper()
	seed = uint64(time.Now().UnixNano())
	if text := os.Getenv("ORDERBEAT_TEST_SEED"); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("ORDERBEAT_TEST_SEED=%d", seed)
	return seed
}

// soak is a worker, its NATS server and provider, and the operator.
type soak struct {
	t        *testing.T
	random   *rand.Rand
	outside  *outside
	depot    *depot
	member   *member
	operator nkey   // the user of the test
	seed     string // path of the worker's nkey
	conn     *nats.Conn
	js       jetstream.JetStream
	done     map[string]int
	removed  time.Time // when the stream of events was last removed, or purged
	logs     []string  // of ended processes
}

// nkey is a user of a NATS server.
type nkey struct {
	nkeys.KeyPair
	public string
}

// newNKey creates a user, and writes its seed into a file.
func newNKey(t *testing.T, path string) nkey {
	t.Helper()
	pair, err := nkeys.CreateUser()
	if err != nil {
		t.Fatal(err)
	}
	seed, err := pair.Seed()
	if err == nil {
		err = os.WriteFile(path, seed, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	public, err := pair.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	return nkey{pair, public}
}

func newSoak(t *testing.T, seed uint64) *soak {
	t.Helper()
	s := &soak{
		t: t, random: rand.New(rand.NewPCG(seed, 0)), outside: newOutside(t), depot: newDepot(t), done: map[string]int{}, //nolint:gosec // a test's choices
	}
	s.operator = newNKey(t, filepath.Join(t.TempDir(), "operator"))
	s.seed = filepath.Join(t.TempDir(), "worker")
	s.replaceNKey()
	s.member = enlist(t, steady(t, t.TempDir(), s.outside, fmt.Sprintf("url = %q\nnkey = %q", s.depot.server.ClientURL(), "file:"+s.seed)))
	s.member.says("run finished", 2)
	var err error
	if s.conn, err = nats.Connect(s.depot.server.ClientURL(), nats.MaxReconnects(-1), nats.ReconnectWait(100*time.Millisecond),
		nats.Nkey(s.operator.public, s.operator.Sign)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.conn.Close)
	if s.js, err = jetstream.New(s.conn, jetstream.WithDefaultTimeout(10*time.Second)); err != nil {
		t.Fatal(err)
	}
	return s
}

// act does one thing, and waits a moment.
func (s *soak) act() {
	s.t.Helper()
	actions := []struct {
		name string
		do   func()
	}{
		{"purge", func() { s.purge(s.pick("RUNS", "RESULTS", "ALERTS")) }},
		{"remove a stream", func() { s.remove(s.pick("RUNS", "ORDERS", "RESULTS", "ALERTS")) }},
		{"remove a consumer", s.removeConsumer},
		{"pause a consumer", s.pauseConsumer},
		{"a stream that takes five messages and drops the oldest", func() { s.edit(jetstream.DiscardOld) }},
		{"a stream that takes five messages and no more", func() { s.edit(jetstream.DiscardNew) }},
		{"delete the lease", func() { s.lease(nil) }},
		{"overwrite the lease", func() { s.lease([]byte("{}")) }},
		{"restart NATS", s.restartNATS},
		{"restart the worker", func() { s.restart((*member).stop) }},
		{"kill the worker", func() { s.restart(func(m *member) int { m.kill(); return 0 }) }},
		{"replace the nkey", s.replaceNKey},
		{"revoke every token", func() { s.outside.post("/_sandbox/revoke", "{}") }},
		{"an outage of the provider", func() { s.outside.post("/_sandbox/fault", `{"op":"order_status","status":503,"times":5}`) }},
		{"run requests", s.requests},
	}
	a := actions[s.random.IntN(len(actions))]
	s.done[a.name]++
	s.t.Logf("%s: %s", time.Now().UTC().Format("15:04:05.000"), a.name)
	a.do()
	s.rest(3 * time.Second)
	select {
	case <-s.member.ended: // it lost its lease, for example: a supervisor restarts it
		s.start()
	default:
	}
}

func (s *soak) rest(most time.Duration) { time.Sleep(time.Duration(s.random.Int64N(int64(most)))) }

func (s *soak) pick(names ...string) string { return "ORDERBEAT_" + names[s.random.IntN(len(names))] }

// try ignores "not found" errors: an earlier action may have removed the object.
func (s *soak) try(err error) {
	if err != nil {
		s.t.Logf("the operator was told: %v", err)
	}
}

func (s *soak) purge(name string) {
	stream, err := s.js.Stream(s.t.Context(), name)
	if err == nil {
		err = stream.Purge(s.t.Context())
	}
	s.try(err)
}

func (s *soak) remove(name string) {
	s.try(s.js.DeleteStream(s.t.Context(), name))
	if name == "ORDERBEAT_ORDERS" {
		s.removed = time.Now().Add(time.Second)
	}
}

func (s *soak) consumer() (stream jetstream.Stream, name string, err error) {
	if stream, err = s.js.Stream(s.t.Context(), "ORDERBEAT_RUNS"); err != nil {
		return nil, "", err
	}
	for name := range stream.ConsumerNames(s.t.Context()).Name() {
		return stream, name, nil
	}
	return nil, "", fmt.Errorf("%s has no consumer", stream.CachedInfo().Config.Name)
}

func (s *soak) removeConsumer() {
	stream, name, err := s.consumer()
	if err == nil {
		err = stream.DeleteConsumer(s.t.Context(), name)
	}
	s.try(err)
}

func (s *soak) pauseConsumer() {
	stream, name, err := s.consumer()
	if err == nil {
		_, err = stream.PauseConsumer(s.t.Context(), name, time.Now().Add(5*time.Second))
	}
	s.try(err)
}

// edit limits a stream for some seconds.
func (s *soak) edit(discard jetstream.DiscardPolicy) {
	name := s.pick("RUNS", "RESULTS", "ALERTS")
	if discard == jetstream.DiscardNew {
		name = s.pick("ORDERS", "RESULTS")
	}
	stream, err := s.js.Stream(s.t.Context(), name)
	if err != nil {
		s.try(err)
		return
	}
	was := stream.CachedInfo().Config
	bounded := was
	bounded.MaxMsgs, bounded.Discard = 5, discard
	if discard == jetstream.DiscardNew {
		bounded.MaxMsgs = int64(stream.CachedInfo().State.Msgs) + 5 // existing messages stay
	}
	if _, err = s.js.UpdateStream(s.t.Context(), bounded); err != nil {
		s.try(err)
		return
	}
	s.rest(6 * time.Second)
	_, err = s.js.UpdateStream(s.t.Context(), was)
	s.try(err)
}

func (s *soak) lease(value []byte) {
	bucket, err := s.js.KeyValue(s.t.Context(), "ORDERBEAT_WORKER")
	switch {
	case err != nil:
	case value == nil:
		err = bucket.Delete(s.t.Context(), "store")
	default:
		_, err = bucket.Put(s.t.Context(), "store", value)
	}
	s.try(err)
}

func (s *soak) restartNATS() {
	s.depot.stop()
	s.rest(8 * time.Second)
	s.depot.start()
}

// replaceNKey replaces the nkey of the worker.
func (s *soak) replaceNKey() {
	s.t.Helper()
	s.depot.stop()
	worker := newNKey(s.t, s.seed)
	s.depot.options.Nkeys = []*server.NkeyUser{{Nkey: worker.public}, {Nkey: s.operator.public}}
	s.depot.start()
}

func (s *soak) restart(end func(*member) int) {
	if status := end(s.member); status != cli.Done && s.member.cmd.ProcessState.Exited() {
		s.t.Logf("the worker ended with status %d", status)
	}
	s.rest(2 * time.Second)
	s.start()
}

// start restarts the worker.
func (s *soak) start() {
	<-s.member.ended
	s.logs = append(s.logs, s.member.logged.String())
	s.member = enlist(s.t, s.member.config)
}

func (s *soak) requests() {
	for range 20 {
		s.try(s.conn.Publish("orderbeat.runs.michelin.sync", []byte(`{"lookback":"2d"}`)))
	}
}

// quiet waits for recovery, two minutes at most, and checks the result.
func (s *soak) quiet() {
	s.t.Helper()
	s.t.Logf("left alone after %v", s.done)
	s.healed()
	s.outside.stopClock()
	settled := time.Now().UTC().Format(time.RFC3339)
	left := ""
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(200 * time.Millisecond) {
		if left = s.left(settled); left == "" {
			break
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("left alone for two minutes: %s", left)
		}
	}
	if status := s.member.stop(); status != cli.Done {
		s.t.Errorf("got exit status %d, want %d", status, cli.Done)
	}
	s.logs = append(s.logs, s.member.logged.String())
	if n := s.member.value("SELECT count(*) FROM ticks AS t WHERE run_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM runs AS r WHERE r.run_id = t.run_id)"); n != "0" {
		s.t.Errorf("%s due times name a run that is not there", n)
	}
	alter(s.t, s.member.config, "SELECT 1") // a writer checkpoints the WAL
	if r := do(s.t, "--config", s.member.config, "db", "check"); r.status != cli.Done {
		s.t.Errorf("db check: %s%s", r.stdout, r.stderr)
	}
	s.publishedOnce()
	sameAsFresh(s.t, s.member, s.outside)
	s.namedOnce()
}

// healed ends the failures of the provider.
func (s *soak) healed() {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodDelete, s.outside.url+"/_sandbox/fault", nil)
	if err != nil {
		s.t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	resp.Body.Close()
}

// left describes what is not done yet.
func (s *soak) left(settled string) string {
	if status, page := s.member.get("/readyz"); status != 200 {
		return fmt.Sprintf("/readyz is %d %s", status, page)
	}
	if _, err := s.js.Stream(s.t.Context(), "ORDERBEAT_ORDERS"); err != nil { // it is recreated within 10 s
		return "stream of events: " + err.Error()
	}
	for what, query := range map[string]string{
		"runs from before that have not ended": "SELECT count(*) FROM runs WHERE state IN ('queued', 'running') AND requested_at <= ?",
		"due times without a run":              "SELECT count(*) FROM ticks WHERE outcome IN ('started', 'caught_up') AND run_id IS NULL AND due_at <= ?",
		"messages in the outbox":               "SELECT count(*) FROM outbox WHERE due_at IS NULL AND time <= ?",
		"runs since that succeeded, of two":    "SELECT count(*) < 2 FROM runs WHERE state = 'succeeded' AND requested_at > ?",
	} {
		if n := s.member.value(query, settled); n != "0" {
			return what + ": " + n
		}
	}
	return ""
}

// publishedOnce compares the stream of events with the history.
func (s *soak) publishedOnce() {
	s.t.Helper()
	p := &program{t: s.t, config: s.member.config, conn: s.conn, js: s.js}
	found := map[string]int{}
	for _, msg := range p.fetch("ORDERBEAT_ORDERS", p.messages("ORDERBEAT_ORDERS")-s.lateMessages()) {
		found[msg.Headers().Get("ce-id")]++
	}
	for id, n := range found {
		if n > 1 {
			s.t.Errorf("event %s is in the stream %d times", id, n)
		}
	}
	since := "0"
	if !s.removed.IsZero() {
		since = s.removed.UTC().Format("2006-01-02T15:04:05.000Z")
	}
	var ids []string
	if err := json.Unmarshal([]byte(s.member.value("SELECT json_group_array(event_id) FROM order_events WHERE observed_at > ?", since)), &ids); err != nil {
		s.t.Fatal(err)
	}
	for _, id := range ids {
		if found[id] != 1 {
			s.t.Errorf("event %s is in the stream %d times, want once", id, found[id])
		}
	}
	s.t.Logf("%d events in the stream, %d of them since it was last removed", len(found), len(ids))
}

// lateMessages counts the messages about late orders in the stream.
func (s *soak) lateMessages() (n int) {
	s.t.Helper()
	stream, err := s.js.Stream(s.t.Context(), "ORDERBEAT_ORDERS")
	if err != nil {
		s.t.Fatal(err)
	}
	for seq := stream.CachedInfo().State.FirstSeq; seq <= stream.CachedInfo().State.LastSeq; seq++ {
		if msg, err := stream.GetMsg(s.t.Context(), seq); err == nil && strings.Contains(msg.Header.Get("ce-id"), ".late.") {
			n++
		}
	}
	return n
}

// namedOnce checks that no problem floods the log: the same line appears at most twice per
// action, however long the problem lasts.
func (s *soak) namedOnce() {
	s.t.Helper()
	most := 4
	for _, n := range s.done {
		most += 2 * n
	}
	lines := map[string]int{}
	for line := range strings.Lines(strings.Join(s.logs, "\n")) {
		var l struct{ Level, Msg, Err, Schedule, Stream string }
		if err := json.Unmarshal([]byte(line), &l); err == nil && (l.Level == "WARN" || l.Level == "ERROR") {
			lines[l.Level+" "+l.Msg+" "+l.Stream+" "+l.Err]++
		}
	}
	for line, n := range lines {
		if n > most {
			s.t.Errorf("logged %d times, at most %d for %d actions: %s", n, most, most/2, line)
		}
	}
}
