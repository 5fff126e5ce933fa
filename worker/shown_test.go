package worker_test

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"

	"orderbeat/clients"
	"orderbeat/worker"
	"orderbeat/worker/api"
)

// TestFleetIsShown has a store that leads, one that follows and a fetcher: fleet.list, the bucket, the micro
// services, the pages and the metrics show who does what. Then the follower cannot write to its database
// while the leader publishes: all of them show its lag.
func TestFleetIsShown(t *testing.T) {
	t.Parallel()
	a := newAPI(t, 1, 0)
	schedule := func(c *worker.Config) { c.Schedules = []worker.Schedule{nightly()} }
	f := startFlock(t, worker.RoleStore, a.calling(4, clients.Rate{}), listening, schedule)
	f.fetcher(a.calling(4, clients.Rate{}))
	folder := t.TempDir()
	follower := launch(t, folder, func(c *worker.Config) {
		c.NATS, c.Role, c.Intervals, c.MaxLag = f.config.NATS, worker.RoleStore, quick, 2500*time.Millisecond
		a.calling(4, clients.Rate{})(c)
		schedule(c)
		c.Web.Listen = freeAddress(t)
	})
	follower.web = "http://" + follower.config.Web.Listen

	// Everything is up to date.
	f.eventually("the leader, the follower and the fetcher are shown", func() bool {
		return slices.Equal(f.shown(), []string{"fetch fetches", "store follows", "store leads"})
	})
	f.eventually("the bucket has the same", func() bool {
		return slices.Equal(f.entries(t), []string{"fetch fetches", "store follows", "store leads"})
	})
	f.eventually("the services are found", func() bool {
		return slices.Equal(f.services(t), []string{"orderbeat follower follows on", "orderbeat leader leads on", "orderbeat-fetcher fetcher fetches on"})
	})
	f.eventually("the leader counts them", func() bool {
		_, page := f.get("/metrics")
		return strings.Contains(page, `orderbeat_fleet_processes{does="leads"} 1`) && strings.Contains(page, `orderbeat_fleet_processes{does="follows"} 1`) &&
			strings.Contains(page, `orderbeat_fleet_processes{does="fetches"} 1`) && !strings.Contains(page, "\norderbeat_follower_lag")
	})
	if n := follower.lagMetric("messages"); n != 0 {
		t.Errorf("got a lag of %v messages, want none", n)
	}

	// The follower's page says whom it follows, and acts through the leader.
	_, page := follower.get("/")
	for _, want := range []string{"This process follows the leader at " + f.config.Place, `<h2 id="h-fleet">Fleet</h2>`, `<span class="pill good">leads</span>`, "not copied to followers"} {
		if !strings.Contains(page, want) {
			t.Errorf("the follower's overview has no %q: %s", want, page)
		}
	}
	if _, page := f.get("/"); !strings.Contains(page, `<span class="pill busy">follows</span>`) || strings.Contains(page, "This process follows") {
		t.Errorf("got the leader's overview %s", page)
	}
	_, page = follower.get("/ui/schedules")
	token := pageToken.FindStringSubmatch(page)
	if token == nil {
		t.Fatalf("got no form in %s", page)
	}
	if resp, body := follower.post("pause-schedule", url.Values{"token": {token[1]}, "name": {"nightly"}}, nil); resp.StatusCode != 303 {
		t.Errorf("got %d %s", resp.StatusCode, body)
	}
	if _, paused, err := f.db.Paused(t.Context(), "nightly"); err != nil || !paused {
		t.Errorf("the leader has not paused the schedule: %v", err)
	}
	if _, page := follower.get("/ui/schedules"); !strings.Contains(page, `<span class="pill warn">paused</span>`) {
		t.Errorf("the follower does not show the leader's pause: %s", page)
	}
	if resp, body := follower.post("pause-schedule", url.Values{"token": {token[1]}, "name": {"nothing"}}, nil); resp.StatusCode != 404 || !strings.Contains(body, "nothing") {
		t.Errorf("got %d %s, want the leader's error", resp.StatusCode, body)
	}

	// The follower falls behind.
	release := lockDatabase(t, filepath.Join(folder, "orderbeat.db"))
	f.fetchMany(20)
	if r := f.result(1); r.Jobs.Succeeded != 20 {
		t.Fatalf("got %+v", r)
	}
	f.eventually("fleet.list shows the lag", func() bool {
		for _, p := range f.list() {
			if p.Lag != nil && p.Lag.Messages > 0 && p.Lag.Seconds >= 2.5 && p.Lag.AsOf != nil {
				return true
			}
		}
		return false
	})
	f.eventually("the service says that it does not reply", func() bool {
		return slices.Contains(f.services(t), "orderbeat follower follows, too far behind to reply, on")
	})
	if n := follower.lagMetric("messages"); n < 1 {
		t.Errorf("got a lag of %v messages, want some", n)
	}
	if s := follower.lagMetric("seconds"); s < 2.5 {
		t.Errorf("got a lag of %v s", s)
	}
	if _, page := follower.get("/"); !regexp.MustCompile(`Its database is <b>[0-9.]+ s, \d+ messages?</b> behind`).MatchString(page) {
		t.Errorf("the follower's page does not have its lag: %s", page)
	}
	release()
	f.eventually("it has caught up", func() bool { return follower.lagMetric("messages") == 0 })
	f.eventually("its service replies again", func() bool { return slices.Contains(f.services(t), "orderbeat follower follows on") })
	follower.equals(f.bench)
}

// list is the reply of fleet.list, of any store.
func (f *flock) list() []api.Process {
	f.t.Helper()
	var reply api.Fleet
	f.decode(f.request("fleet.list", "", nil).Data, &reply)
	return reply.Processes
}

// shown is what fleet.list says of each process.
func (f *flock) shown() (list []string) {
	f.t.Helper()
	for _, p := range f.list() {
		if p.Leader != slices.Contains(p.Does, api.Leads) || (p.Lag != nil) != slices.Contains(p.Does, api.Follows) || p.Host == "" || p.Version == "" {
			f.t.Errorf("got %+v", p)
		}
		list = append(list, p.Role+" "+strings.Join(p.Does, " "))
	}
	slices.Sort(list)
	return list
}

// entries is what the bucket says of each process.
func (f *flock) entries(t *testing.T) (list []string) {
	t.Helper()
	kv, err := f.js.KeyValue(t.Context(), "ORDERBEAT_FLEET")
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range f.fleet() {
		entry, err := kv.Get(t.Context(), key)
		if err != nil {
			continue // it has just left
		}
		var p struct {
			Role string
			Does []string
		}
		if err := json.Unmarshal(entry.Value(), &p); err != nil {
			t.Fatal(err)
		}
		list = append(list, p.Role+" "+strings.Join(p.Does, " "))
	}
	slices.Sort(list)
	return list
}

// services asks all micro services, and returns for each its name, its role and what it does.
func (f *flock) services(t *testing.T) (list []string) {
	t.Helper()
	inbox := f.conn.NewInbox()
	sub, err := f.conn.SubscribeSync(inbox)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = sub.Unsubscribe() }()
	if err := f.conn.PublishMsg(&nats.Msg{Subject: "$SRV.INFO", Reply: inbox}); err != nil {
		t.Fatal(err)
	}
	for {
		msg, err := sub.NextMsg(100 * time.Millisecond)
		if err != nil {
			slices.Sort(list)
			return list
		}
		var info micro.Info
		if err := json.Unmarshal(msg.Data, &info); err != nil {
			t.Fatal(err)
		}
		_, does, _ := strings.Cut(info.Description, "; ")
		if info.Metadata["process"] == "" || info.Metadata["role"] == "fetcher" && (info.Metadata["providers"] != "michelin" || info.Endpoints[0].Metadata["provider"] != "michelin") {
			t.Errorf("got the metadata %v", info.Metadata)
		}
		list = append(list, fmt.Sprint(info.Name, " ", info.Metadata["role"], " ", strings.TrimSuffix(does, " "+info.Metadata["host"])))
	}
}

// lagMetric is a follower's lag on /metrics, -1 if it has none.
func (b *bench) lagMetric(unit string) float64 {
	b.t.Helper()
	_, page := b.get("/metrics")
	match := regexp.MustCompile(`(?m)^orderbeat_follower_lag_` + unit + ` (\S+)$`).FindStringSubmatch(page)
	if match == nil {
		return -1
	}
	n, err := strconv.ParseFloat(match[1], 64)
	if err != nil {
		b.t.Fatal(err)
	}
	return n
}

// lockDatabase keeps other connections from writing to a database until release is called.
func lockDatabase(t *testing.T, path string) (release func()) {
	t.Helper()
	file, err := sql.Open("sqlite3", "file:"+path+"?_busy_timeout=10000&_txlock=immediate")
	if err != nil {
		t.Fatal(err)
	}
	tx, err := file.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := tx.Rollback(); err != nil {
			t.Error(err)
		}
		if err := file.Close(); err != nil {
			t.Error(err)
		}
	}
}
