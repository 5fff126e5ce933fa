package main // an inside test: a main package cannot be imported

import (
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

	"orderbeat/cmd/orderbeat/cli"
	"orderbeat/worker/api"
)

// changing is a configuration that a test changes while the program runs.
type changing struct {
	t    *testing.T
	path string
	port string
	url  string // of acme's API
}

// write writes the configuration. more is appended.
func (c changing) write(level, rate string, concurrency int, more string) {
	c.t.Helper()
	text := fmt.Sprintf(`
[nats]
listen = "127.0.0.1:%s"
sync = "2m"
[db]
synchronous = "normal"
[web]
listen = "127.0.0.1:0"
[log]
level = %q
[[schedules]]
name = "every-second"
cron = "@every 1s"
provider = "acme"
kind = "sync"
overlap = "allow"
accounts = ["a0"]
%s%s`, c.port, level, c.provider("acme", rate, concurrency, 10), more)
	if err := os.WriteFile(c.path, []byte(text), 0o600); err != nil {
		c.t.Fatal(err)
	}
}

// provider is a section with so many accounts.
func (c changing) provider(name, rate string, concurrency, accounts int) string {
	text := fmt.Sprintf(`
[providers.%s]
kind = "declared"
base_url = %q
allow_insecure_http = true
scheme = "none"
rate = %q
concurrency = %d
map = '.orders[] | {order_id: .id}'
[providers.%[1]s.orders]
path = "/%[1]s/orders"
[providers.%[1]s.fetch]
path = "/%[1]s/order"
query = { id = '\($order_id)' }
max_references = 1
`, name, c.url, rate, concurrency)
	for i := range accounts {
		text += fmt.Sprintf("[[providers.%s.accounts]]\nname = \"a%d\"\n", name, i)
	}
	return text
}

// TestReload reloads the configuration again and again while jobs, live requests and schedules run.
func TestReload(t *testing.T) {
	t.Parallel()
	const runs, accounts, reloads = 30, 10, 20
	var calls atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		time.Sleep(100 * time.Millisecond)
		id := r.FormValue("id")
		if id == "" {
			id = "A-1"
		}
		fmt.Fprintf(w, `{"orders":[{"id":%q}]}`, id)
	}))
	defer server.Close()
	c := changing{t, filepath.Join(t.TempDir(), "config.toml"), freePort(t), server.URL}
	c.write("info", "1000/s", 8, "")
	p := startProcess(t, c.path)

	for n := range runs {
		p.publish("orderbeat.runs.acme.sync", fmt.Sprintf(`{"lookback":"%dd"}`, n+1))
	}
	live := make(chan struct{})
	stopLive := sync.OnceFunc(func() { close(live) })
	defer stopLive()
	var callers sync.WaitGroup
	var answered atomic.Int64
	for n := range 4 {
		callers.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-live:
					return
				default:
				}
				msg, err := p.conn.Request("orderbeat.api.orders.get", fmt.Appendf(nil, `{"provider":"acme","account":"a%d","order_id":"L-%d-%d","max_age":"0s"}`, n, n, i), 60*time.Second)
				if err != nil || msg.Header.Get("Nats-Service-Error-Code") != "" {
					t.Errorf("live request: %v %+v", err, msg)
					return
				}
				answered.Add(1)
			}
		})
	}
	for n := range reloads {
		rate, more := fmt.Sprintf("%d/s", 1000-n), ""
		if n%2 == 1 {
			more = c.provider("beta", "100/s", 1, 1) + fmt.Sprintf("[[schedules]]\nname = \"beta\"\ncron = \"@every %ds\"\nprovider = \"beta\"\nkind = \"sync\"\n", n)
		}
		c.write("info", rate, 8+n%3, more)
		p.hangUp()
		p.eventually("the configuration is reloaded", func() bool {
			return strings.Count(p.logged.String(), `"configuration reloaded"`) == n+1
		})
	}
	database := openFile(t, c.path)
	number := func(query string, args ...any) (n int) {
		t.Helper()
		if err := database.QueryRow(query, args...).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	p.eventually("all runs end", func() bool {
		return number(`SELECT count(*) FROM runs WHERE trigger = 'nats' AND finished_at IS NOT NULL`) == runs
	})
	stopLive()
	callers.Wait()
	if done := number(`SELECT count(*) FROM jobs JOIN runs USING (run_id) WHERE trigger = 'nats' AND jobs.state = 'succeeded' AND attempts = 1`); done != runs*accounts {
		t.Errorf("got %d jobs that succeeded at once, want %d", done, runs*accounts)
	}
	if answered.Load() == 0 {
		t.Error("no live request was answered")
	}
	if ticks, span := number(`SELECT count(*) FROM ticks WHERE schedule = 'every-second'`), number(`SELECT CAST(round(86400 * (julianday(max(due_at)) - julianday(min(due_at)))) AS INTEGER) + 1 FROM ticks WHERE schedule = 'every-second'`); ticks != span {
		t.Errorf("got %d ticks within %d seconds, want each once", ticks, span)
	}
	// The last reload added beta.
	p.publish("orderbeat.runs.beta.sync", `{"lookback":"9d"}`)
	p.eventually("a run of the new provider succeeds", func() bool {
		return number(`SELECT count(*) FROM runs WHERE provider = 'beta' AND trigger = 'nats' AND state = 'succeeded'`) == 1
	})
	var list api.Providers
	if p.decode(p.request("providers.list", `{}`), &list); len(list.Providers) != 2 || list.Providers[0].Rate != "981/s" {
		t.Errorf("got %+v, want two, with the last rate", list.Providers)
	}

	c.write("info", "many", 8, "")
	r := do(t, "reload", "--config", c.path)
	if at := c.path + ":24:"; r.status != cli.Usage || !strings.HasPrefix(r.stderr, at) || !strings.Contains(r.stderr, "providers.acme.rate") {
		t.Errorf("got status %d, %q; want %d and the mistake at %s", r.status, r.stderr, cli.Usage, at)
	}
	var state api.Configuration
	if p.decode(p.request("config.get", `{}`), &state); state.RejectedAt == nil || !strings.Contains(state.Error, "providers.acme.rate") {
		t.Errorf("got %+v, want that the file was rejected", state)
	}
	if list := (api.Providers{}); true {
		if p.decode(p.request("providers.list", `{}`), &list); len(list.Providers) != 2 {
			t.Errorf("got %+v, want that nothing was changed", list.Providers)
		}
	}

	c.write("debug", "77/s", 8, "[worker]\ndrain = \"12s\"\n")
	want := "log.level: changed\nproviders.acme: changed (concurrency, rate)\nproviders.beta: removed\nschedules: beta: removed\nworker.drain: takes effect after a restart\n"
	if r := do(t, "reload", "--config", c.path); r.status != cli.Done || r.stdout != want {
		t.Errorf("got status %d, %q, %q; want %q", r.status, r.stdout, r.stderr, want)
	}
	if p.decode(p.request("config.get", `{}`), &state); len(state.Restart) != 1 {
		t.Errorf("got %+v, want worker.drain to take effect after a restart", state)
	}
	p.eventually("the log has details", func() bool { return strings.Contains(p.logged.String(), `"level":"DEBUG"`) })
	if status := p.stop(); status != cli.Done {
		t.Errorf("got status %d, want %d", status, cli.Done)
	}
}

// TestReloadRemovesAProvider removes a provider while one of its jobs is in flight and others are
// queued.
func TestReloadRemovesAProvider(t *testing.T) {
	t.Parallel()
	calls, release := make(chan struct{}, 100), make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/beta/") {
			calls <- struct{}{}
			<-release
		}
		fmt.Fprint(w, `{"orders":[{"id":"B-1"}]}`)
	}))
	defer server.Close()
	c := changing{t, filepath.Join(t.TempDir(), "config.toml"), freePort(t), server.URL}
	c.write("info", "100/s", 4, c.provider("beta", "100/s", 1, 3)+"[[schedules]]\nname = \"beta\"\ncron = \"@every 1h\"\nprovider = \"beta\"\nkind = \"sync\"\n")
	p := startProcess(t, c.path)
	p.publish("orderbeat.runs.beta.sync", ``)
	<-calls
	c.write("info", "100/s", 4, "")
	p.hangUp()
	database := openFile(t, c.path)
	states := func() string {
		var text string
		err := database.QueryRow(`SELECT group_concat(state || ' ' || coalesce(error_code, '-'), ', ') FROM (SELECT * FROM jobs WHERE provider = 'beta' ORDER BY job_id)`).Scan(&text)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	p.eventually("the queued jobs fail", func() bool { return states() == "running -, failed invalid, failed invalid" })
	close(release)
	p.eventually("the job in flight ends", func() bool { return states() == "succeeded -, failed invalid, failed invalid" })
	p.eventually("the run ends", func() bool {
		var state string
		err := database.QueryRow(`SELECT state FROM runs WHERE provider = 'beta'`).Scan(&state)
		return err == nil && state == "partial"
	})
	if r := do(t, "schedules", "--config", c.path); strings.Contains(r.stdout, "beta") {
		t.Errorf("got %s, want no schedule of beta", r.stdout)
	}
}
