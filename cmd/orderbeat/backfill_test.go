package main // an inside test: a main package cannot be imported

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"orderbeat/clients"
	"orderbeat/clients/sandbox"
	"orderbeat/cmd/orderbeat/cli"
	"orderbeat/jobs"
)

// archive is a Michelin server with any number of bill-to numbers. It returns the orders of
// the first day of each window, and counts the requests per window.
type archive struct {
	url string

	mu    sync.Mutex // guards asked
	asked map[string]int
}

func newArchive(t *testing.T) *archive {
	t.Helper()
	a := &archive{asked: map[string]int{}}
	stand := sandbox.New(sandbox.Options{Day: 24 * time.Hour}) // no day passes meanwhile
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		var q struct {
			From, To   clients.Date
			BuyerParty struct{ PartyID string }
		}
		_ = json.Unmarshal(bytes.ReplaceAll(body, []byte("orderDate"), nil), &q)
		if q.From != "" {
			a.note(fmt.Sprintf("%s %s..%s", q.BuyerParty.PartyID, q.From, q.To))
			body = bytes.ReplaceAll(body, []byte(`"`+q.To+`"`), []byte(`"`+q.From+`"`))
			body = bytes.ReplaceAll(body, []byte(q.BuyerParty.PartyID), []byte("1111111"))
			time.Sleep(60 * time.Millisecond) // so that jobs are running when the process is killed
		}
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
		stand.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	a.url = server.URL
	return a
}

func (a *archive) note(window string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.asked[window]++
}

// windows returns the windows that do not end today, as those of the schedule do.
func (a *archive) windows() map[string]int {
	a.mu.Lock()
	defer a.mu.Unlock()
	found := map[string]int{}
	for window, n := range a.asked {
		if !strings.HasSuffix(window, ".."+string(clients.DateOf(time.Now()))) {
			found[window] = n
		}
	}
	return found
}

// TestBackfillSurvivesRepeatedKills runs a backfill of two years of 20 accounts and kills the
// process (SIGKILL) five times: each window is requested once, or twice if it was running, and
// a schedule stays on time.
func TestBackfillSurvivesRepeatedKills(t *testing.T) {
	t.Parallel()
	const accounts, kills = 20, 5
	stand, folder := newArchive(t), t.TempDir()
	config := filepath.Join(folder, "config.toml")
	var text strings.Builder
	fmt.Fprintf(&text, `
[nats]
listen = "127.0.0.1:%s"
[web]
listen = ""
[providers.michelin]
kind = "michelin"
base_url = %q
client_id = %q
client_secret = %q
concurrency = 4
rate = "1000/s"
`, freePort(t), stand.url, writeSecret(t, folder, "id", sandbox.ClientID), writeSecret(t, folder, "secret", sandbox.ClientSecret))
	for i := range accounts {
		fmt.Fprintf(&text, "[[providers.michelin.accounts]]\nname = \"shop-%d\"\nbill_to = \"40000%02d\"\n", i+1, i+1)
	}
	text.WriteString(`
[[schedules]]
name = "live"
cron = "@every 1s"
provider = "michelin"
kind = "sync"
params = { lookback = "1d" }
accounts = ["shop-1", "shop-2", "shop-3"]
overlap = "allow"
catch_up = "all"
`)
	if err := os.WriteFile(config, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	p := startProcess(t, config)
	today := clients.DateOf(time.Now())
	var started struct{ Run jobs.Run }
	p.decode(p.request("runs.start", fmt.Sprintf(`{"provider":"michelin","kind":"backfill","params":{"from":%q,"to":%q}}`,
		today.AddDays(-730), today.AddDays(-2))), &started)
	run := started.Run
	if run.Jobs.Total != accounts*9 || run.Priority != jobs.Low { // 729 days in windows of 90
		t.Fatalf("got %+v, want nine windows of each account at low priority", run)
	}
	type reply struct {
		Run      jobs.Run
		Progress jobs.Progress
	}
	far := func() (reply reply) {
		p.decode(p.request("runs.get", fmt.Sprintf(`{"run_id":%q}`, run.ID)), &reply)
		return reply
	}
	var struck []string // jobs running at the last kill: two kills must not hit the same one
	for n := range kills {
		want := run.Jobs.Total * (n + 1) / (kills + 2)
		p.eventually("a part of the backfill is there", func() bool {
			return far().Run.Jobs.Ended() >= want && p.count("jobs WHERE finished_at IS NULL AND job_id IN ('"+strings.Join(struck, "', '")+"')") == 0
		})
		if got := far(); got.Run.State != jobs.Running || got.Progress.LeftSeconds == nil || *got.Progress.LeftSeconds <= 0 {
			t.Fatalf("got %+v, want an estimate of what is left of a run that goes on", got)
		}
		if n == 2 { // killed while paused
			if r := do(t, "runs", "pause", run.ID, "--note", "the supplier is busy", "--config", config); r.status != cli.Done || !strings.Contains(r.stdout, "is paused") {
				t.Errorf("got %+v, want it paused", r)
			}
		}
		p.kill()
		p = startProcess(t, config)
		struck = p.inHand("backfill")
		if n == 2 {
			if r := do(t, "runs", run.ID, "--config", config); !strings.Contains(r.stdout, "ended, paused: the supplier is busy;") || !strings.Contains(r.stdout, " pending_slot ") {
				t.Errorf("got %+v, want it told that the run is paused, and what is held", r)
			}
			if r := do(t, "runs", "resume", run.ID, "--config", config); r.status != cli.Done || !strings.Contains(r.stdout, "is running") {
				t.Errorf("got %+v, want it resumed", r)
			}
		}
	}
	p.eventually("the backfill has ended", func() bool { return far().Run.State.Ended() })
	if got := far(); got.Run.State != jobs.Succeeded || got.Run.Jobs.Succeeded != run.Jobs.Total || got.Progress.LeftSeconds != nil {
		t.Errorf("got %+v, want every job to have succeeded", got)
	}
	windows, again := stand.windows(), 0
	for window, n := range windows {
		if again += n - 1; n > 2 {
			t.Errorf("%s was asked for %d times, want once, or twice where it was in hand", window, n)
		}
	}
	if lane := 2; len(windows) != run.Jobs.Total || again > kills*lane {
		t.Errorf("got %d windows asked for, %d of them again; want %d, and at most %d in hand", len(windows), again, run.Jobs.Total, kills*lane)
	}
	t.Logf("%d windows, %d asked for again", len(windows), again)
	p.keptItsTimes("live")
	p.allTold()
	if r := do(t, "db", "check", "--config", config); r.status != cli.Done {
		t.Errorf("got %+v, want nothing wrong with the database", r)
	}
	if orders, told := p.count("orders"), p.count("order_events"); orders == 0 || told != orders {
		t.Errorf("got %d events of %d orders, want one of each", told, orders)
	}
}

// inHand returns the jobs of a kind that are running, or were when the process was killed.
func (p *program) inHand(kind string) (ids []string) {
	p.t.Helper()
	var reply struct {
		Jobs []struct {
			JobID string `json:"job_id"`
		}
	}
	p.decode(p.request("jobs.list", fmt.Sprintf(`{"kind":%q,"state":"running"}`, kind)), &reply)
	for _, j := range reply.Jobs {
		ids = append(ids, j.JobID)
	}
	return ids
}

// keptItsTimes checks that a schedule of every second has a tick per second, and that its runs
// succeeded.
func (p *program) keptItsTimes(schedule string) {
	p.t.Helper()
	rows, err := openFile(p.t, p.config).Query(`SELECT t.due_at, t.outcome, coalesce(t.reason, ''), coalesce(r.state, '')
		FROM ticks AS t LEFT JOIN runs AS r USING (run_id) WHERE t.schedule = ? ORDER BY t.due_at`, schedule)
	if err != nil {
		p.t.Fatal(err)
	}
	defer rows.Close()
	var last time.Time
	started, succeeded := 0, 0
	for rows.Next() {
		var due, outcome, reason, state string
		if err := rows.Scan(&due, &outcome, &reason, &state); err != nil {
			p.t.Fatal(err)
		}
		at, err := time.Parse(time.RFC3339, due)
		if err != nil {
			p.t.Fatal(err)
		}
		if !last.IsZero() && at.Sub(last) != time.Second {
			p.t.Errorf("a tick of %s follows one of %s, want one each second", at, last)
		}
		last = at
		switch outcome {
		case "started":
			started++
		case "caught_up": // due while the process was not running
		default:
			p.t.Errorf("%s: the tick is %s, %s", due, outcome, reason)
		}
		if state == string(jobs.Succeeded) {
			succeeded++
		}
	}
	if err := rows.Err(); err != nil {
		p.t.Fatal(err)
	}
	const onTheirWay = 12 // jobs running at the last kill are redelivered after eight seconds
	if started < 3 || succeeded < started-onTheirWay {
		p.t.Errorf("got %d ticks that started a run, and %d runs that succeeded", started, succeeded)
	}
}

// allTold waits until the outbox is empty.
func (p *program) allTold() {
	p.t.Helper()
	p.eventually("all is told", func() bool {
		return p.count("outbox") == 0 && p.count("jobs WHERE state NOT IN ('succeeded')") == 0 && p.messages("ORDERBEAT_ORDERS") == p.count("order_events")+p.count("late_notices")
	})
}
