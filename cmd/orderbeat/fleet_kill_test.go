package main // an inside test: a main package cannot be imported

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// dealersOf is how many accounts the sync has, each with a job of its own.
const dealersOf = 1000

// TestLeaderKilledInALongSync kills the leader of two stores in the middle of a run of a thousand jobs, which
// three fetchers make. The other store ends the run, with one result; orders have contiguous revisions and
// each event is published once; reads have replies all the time; no process logs in again.
func TestLeaderKilledInALongSync(t *testing.T) {
	t.Parallel() // mostly waits
	var logins, asked, version atomic.Int64
	mux := http.NewServeMux()
	mux.HandleFunc("POST /token", func(w http.ResponseWriter, _ *http.Request) {
		logins.Add(1)
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"access_token":"sample-token","token_type":"Bearer","expires_in":3600}`)
	})
	mux.HandleFunc("GET /{account}/orders", func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		time.Sleep(20 * time.Millisecond)
		fmt.Fprintf(w, `{"orders":[{"id":"order-of-%s","day":%q,"version":"v%d"}]}`, r.PathValue("account"), killedDay(1), version.Load())
	})
	api := httptest.NewServer(mux)
	t.Cleanup(api.Close)
	depot, folder := newDepot(t), t.TempDir()
	for name, text := range map[string]string{"key": sharedKey, "secret": "sample-secret"} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	configure := func(name, role string) string {
		var b strings.Builder
		fmt.Fprintf(&b, `
[nats]
url = %q
[web]
listen = ""
[worker]
role = %q
key = "file:%s"
[providers.acme]
kind = "declared"
base_url = %q
allow_insecure_http = true
scheme = "oauth2"
token_url = %q
client_id = "file:%[6]s"
client_secret = "file:%[6]s"
rate = "1000/s"
concurrency = 16
map = '.orders[] | {order_id: .id, reference: .id, ordered_on: .day, lines: [{line_id: "1", article_id: "A", description: .version, ordered: 5, open: 5}]}'
[providers.acme.orders]
path = '/\($bill_to)/orders'
`, depot.server.ClientURL(), role, filepath.Join(folder, "key"), api.URL, api.URL+"/token", filepath.Join(folder, "secret"))
		for n := range dealersOf {
			fmt.Fprintf(&b, "[[providers.acme.accounts]]\nname = \"a%d\"\nbill_to = \"a%[1]d\"\n", n)
		}
		path := filepath.Join(folder, name, "config.toml")
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	leader := enlist(t, configure("first", "store"))
	leader.says("orderbeat is running", 1)
	follower := enlist(t, configure("second", "store"))
	follower.says("another worker leads: following it", 1)
	for n := range 3 {
		enlist(t, configure(fmt.Sprint("fetcher", n), "fetch")).says("orderbeat is running", 1)
	}

	k := &killed{t: t, url: depot.server.ClientURL(), events: map[string]bool{}, ids: map[string]bool{}, revisions: map[string]int{}, last: map[string]string{}, replaysOf: map[string]int{}, resultsOf: map[string]int{}, replies: map[string]int{}, next: map[string]uint64{}}
	k.js = depot.connect(t)
	k.conn = k.js.Conn()
	if _, err := k.js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "REPLIES", Subjects: []string{"replies.>"}}); err != nil {
		t.Fatal(err)
	}
	start := func(m *member, key string) (id string) {
		t.Helper()
		msg := &nats.Msg{Subject: "orderbeat.runs.acme.sync", Data: []byte(`{"lookback":"3d"}`), Header: nats.Header{jetstream.MsgIDHeader: {key}}}
		if _, err := k.js.PublishMsg(t.Context(), msg); err != nil {
			t.Fatal(err)
		}
		m.eventually("the run is planned", func() bool {
			id = m.value("SELECT coalesce(max(run_id), '') FROM runs WHERE key = ?", key)
			return id != ""
		})
		return id
	}
	finished := func(id string) bool {
		stream, err := k.js.Stream(t.Context(), "ORDERBEAT_RESULTS")
		if err != nil {
			t.Fatal(err)
		}
		_, err = stream.GetLastMsgForSubject(t.Context(), "orderbeat.results.acme."+id)
		return err == nil
	}
	first := start(leader, "first")
	leader.eventually("the first run has ended", func() bool { return finished(first) })
	before := logins.Load()

	// A reader requests an order all the time. Only the request that the leader handles when it is killed may
	// have no reply.
	stop, slowest, reads, unanswered := make(chan struct{}), time.Duration(0), 0, 0
	var reading sync.WaitGroup
	reading.Go(func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(10 * time.Millisecond):
			}
			began := time.Now()
			msg, err := k.conn.Request("orderbeat.api.orders.get", []byte(`{"provider":"acme","account":"a7","order_id":"order-of-a7"}`), 5*time.Second)
			if err != nil {
				unanswered++
				continue
			}
			if msg.Header.Get("Nats-Service-Error") != "" {
				t.Errorf("read %d: got %+v", reads, msg)
			}
			reads, slowest = reads+1, max(slowest, time.Since(began))
		}
	})
	version.Add(1)
	earlier := asked.Load()
	second := start(leader, "second")
	leader.eventually("a part of the jobs is done", func() bool { return asked.Load()-earlier > dealersOf/3 })
	leader.kill()
	if open := howMany(t, leader, "SELECT count(*) FROM jobs WHERE state NOT IN ('succeeded', 'failed')"); open < dealersOf/10 {
		t.Fatalf("%d jobs were open", open)
	}
	at := time.Now()
	follower.says("orderbeat is running", 1)
	t.Logf("took over after %s", time.Since(at).Round(100*time.Millisecond))
	follower.eventually("the run has ended", func() bool { return finished(second) })
	close(stop)
	reading.Wait()
	if unanswered > 1 {
		t.Errorf("%d reads had no reply", unanswered)
	}
	t.Logf("%d reads, %d without a reply, the slowest took %s; %d calls for %d jobs", reads, unanswered, slowest.Round(time.Millisecond), asked.Load(), 2*dealersOf)
	if n := logins.Load(); n != before {
		t.Errorf("%d logins, want those %d of before the kill", n, before)
	}
	follower.eventually("everything is published", func() bool { return follower.value("SELECT count(*) FROM outbox") == "0" })
	k.read()
	if n := k.resultsOf[second]; n != 1 {
		t.Errorf("got %d results of the run, want one", n)
	}
	var result struct {
		State string
		Jobs  struct{ Total, Succeeded int }
	}
	stream, err := k.js.Stream(t.Context(), "ORDERBEAT_RESULTS")
	if err != nil {
		t.Fatal(err)
	}
	raw, err := stream.GetLastMsgForSubject(t.Context(), "orderbeat.results.acme."+second)
	if err == nil {
		err = json.Unmarshal(raw.Data, &result)
	}
	if err != nil || result.State != "succeeded" || result.Jobs.Succeeded != dealersOf {
		t.Errorf("got %+v, %v, want all jobs succeeded", result, err)
	}
	if len(k.revisions) != dealersOf {
		t.Errorf("got events of %d orders, want %d", len(k.revisions), dealersOf)
	}
	for order, revision := range k.revisions {
		if revision != 2 {
			t.Errorf("%s: got revision %d, want 2", order, revision)
		}
	}
}
