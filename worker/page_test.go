package worker_test

import (
	"context"
	"encoding/csv"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/robfig/cron/v3"

	"orderbeat/auth/secret"
	"orderbeat/clients"
	"orderbeat/jobs"
	"orderbeat/worker"
)

// pageToken is the token in the forms of a page.
var pageToken = regexp.MustCompile(`name="token" value="([^"]+)"`)

// post sends a form of the page.
func (b *bench) post(action string, form url.Values, change func(*http.Request)) (*http.Response, string) {
	b.t.Helper()
	r, err := http.NewRequestWithContext(b.t.Context(), http.MethodPost, b.web+"/ui/act/"+action, strings.NewReader(form.Encode()))
	if err != nil {
		b.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if change != nil {
		change(r)
	}
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return resp, string(body)
}

func TestPageShowsEverySection(t *testing.T) {
	t.Parallel()
	const hostile = "<script>alert(1)</script>\u202e\x1b[31m"
	b := start(t, func(c *worker.Config) {
		listening(c)
		c.Web.ExternalURL = ""
		c.Schedules = []worker.Schedule{nightly()}
	})
	b.supplier.answers(func(_ context.Context, q clients.Query) (clients.Answer, error) {
		o := order(q.Account.Name, "SO/1?x=<b>", 0, hostile)
		o.Reference, o.Method = clients.Text(hostile), "=1+1"
		return clients.Answer{Orders: []clients.Order{o}}, nil
	})
	b.publish("orderbeat.runs.michelin.sync", `{"accounts":["detroit"]}`, nil)
	run := b.result(1)
	list, err := b.db.RunJobs(t.Context(), run.ID)
	if err != nil || len(list) != 1 {
		t.Fatal(list, err)
	}
	orderPage := "/ui/order?" + url.Values{"provider": {"michelin"}, "account": {"detroit"}, "id": {"SO/1?x=<b>"}}.Encode()
	for path, want := range map[string]string{
		"/": "michelin / detroit", "/ui/orders": "SO/1?x=&lt;b&gt;", "/ui/orders?q=SO": "SO/1?x=&lt;b&gt;", "/ui/orders?late=1": "No orders match",
		"/ui/orders?sort=promise&status=open&since=24h": "SO/1", "/ui/orders?sort=order&provider=michelin&account=detroit": "SO/1",
		orderPage: "First seen", "/ui/runs": run.ID, "/ui/run?id=" + run.ID: list[0].JobID, "/ui/jobs": list[0].JobID,
		"/ui/job?id=" + list[0].JobID: "detroit", "/ui/schedules": "nightly", "/ui/exchanges": "No recorded exchanges",
		"/ui/credentials": "No provider has credentials", "/ui/alerts": "No open alerts",
		"/ui/suppliers": "Fill rate", "/ui/suppliers?by=article&months=13&provider=michelin": "Fill rate", "/ui/suppliers?by=month&format=csv": "slip_days",
	} {
		resp, body := b.get(path)
		if resp.StatusCode != 200 || !strings.Contains(body, want) {
			t.Errorf("%s: got %d %s, want %q in it", path, resp.StatusCode, body, want)
		}
		if strings.Contains(body, "<script>alert") || strings.ContainsAny(body, "\u202e\x1b") {
			t.Errorf("%s: got the supplier's text as it is", path)
		}
		if policy := resp.Header.Get("Content-Security-Policy"); strings.Contains(policy, "unsafe") || strings.Contains(body, "style=") {
			t.Errorf("%s: got inline styles or the policy %q", path, policy)
		}
	}
	for path, status := range map[string]int{
		"/ui/": 404, "/ui/nowhere": 404, "/ui/order?id=x": 404, "/ui/run?id=x": 404, "/ui/job?id=x": 404, "/ui/exchange?id=7": 404, "/ui/exchange?id=x": 404,
		"/ui/orders?status=x": 400, "/ui/orders?sort=x": 400, "/ui/orders?since=x": 400, "/ui/orders?cursor=x": 400, "/ui/runs?state=x": 400, "/ui/suppliers?by=x": 400, "/ui/suppliers?months=1000": 400, "/ui/assets/": 404,
	} {
		if resp, body := b.get(path); resp.StatusCode != status {
			t.Errorf("%s: got %d %s, want %d", path, resp.StatusCode, body, status)
		}
	}
	_, text := b.get("/ui/orders.csv")
	rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil || len(rows) != 2 || rows[1][2] != "SO/1?x=<b>" || rows[1][5] != "'=1+1" || strings.ContainsAny(text, "\u202e\x1b") {
		t.Errorf("got %q, %v, want one order and no formula", rows, err)
	}
}

func nightly() worker.Schedule {
	return worker.Schedule{Name: "nightly", Spec: "0 3 * * *", Zone: "UTC", Cron: cron.Every(24 * time.Hour), Overlap: "allow", CatchUp: "none", Provider: "michelin", Kind: "sync"}
}

func TestPageActions(t *testing.T) {
	t.Parallel()
	b := start(t, func(c *worker.Config) {
		listening(c)
		c.Web.User, c.Web.Password = "ops", secret.New("operator-password")
		c.Web.ReadOnlyUser, c.Web.ReadOnlyPassword = "guest", secret.New("guest-password")
		c.Schedules = []worker.Schedule{nightly()}
		c.Providers[0].Retry.Attempts = 1
	})
	ops := func(r *http.Request) { r.SetBasicAuth("ops", "operator-password") }
	guest := func(r *http.Request) { r.SetBasicAuth("guest", "guest-password") }
	b.supplier.answers(func(context.Context, clients.Query) (clients.Answer, error) { return clients.Answer{}, unavailable() })
	b.publish("orderbeat.runs.michelin.sync", `{"accounts":["detroit"]}`, nil)
	run := b.result(1)
	list, err := b.db.RunJobs(t.Context(), run.ID)
	if err != nil || len(list) != 1 || list[0].State != jobs.Dead {
		t.Fatal(list, err)
	}
	_, page := b.send(http.MethodGet, "/ui/schedules", ops)
	match := pageToken.FindStringSubmatch(page)
	if match == nil {
		t.Fatalf("got no form in %s", page)
	}
	token := match[1]
	form := func(pairs ...string) url.Values {
		v := url.Values{"token": {token}, "back": {"/ui/schedules?x=1"}}
		for i := 0; i < len(pairs); i += 2 {
			v.Set(pairs[i], pairs[i+1])
		}
		return v
	}
	paused := func() bool {
		_, is, err := b.db.Paused(t.Context(), "nightly")
		return is && err == nil
	}

	if _, page := b.send(http.MethodGet, "/ui/schedules", guest); !strings.Contains(page, "read-only") || pageToken.MatchString(page) {
		t.Errorf("got %s, want no forms for a read-only user", page)
	}
	for name, test := range map[string]struct {
		form   url.Values
		change func(*http.Request)
		status int
	}{
		"a read-only user":         {form("name", "nightly"), guest, 403},
		"nobody":                   {form("name", "nightly"), nil, 401},
		"no token":                 {form("name", "nightly", "token", ""), ops, 403},
		"another token":            {form("name", "nightly", "token", "x"), ops, 403},
		"another site":             {form("name", "nightly"), func(r *http.Request) { ops(r); r.Header.Set("Sec-Fetch-Site", "cross-site") }, 403},
		"an unknown name":          {form("name", "nothing"), ops, 404},
		"a form that is too large": {form("name", strings.Repeat("x", 100_000)), ops, 403},
	} {
		if resp, body := b.post("pause-schedule", test.form, test.change); resp.StatusCode != test.status || paused() {
			t.Errorf("%s: got %d %s, paused %v, want %d", name, resp.StatusCode, body, paused(), test.status)
		}
	}

	resp, body := b.post("pause-schedule", form("name", "nightly", "note", "maintenance"), ops)
	if to := resp.Header.Get("Location"); resp.StatusCode != 303 || to != "/ui/schedules?done=pause-schedule&x=1" || !paused() {
		t.Errorf("got %d %s to %q, want the schedule paused", resp.StatusCode, body, to)
	}
	if pause, _, _ := b.db.Paused(t.Context(), "nightly"); pause.Note != "maintenance (page, ops)" {
		t.Errorf("got the note %q", pause.Note)
	}
	if n := b.logged.count("action carried out"); n != 1 {
		t.Errorf("got %d log lines, want one for the action", n)
	}
	if _, page := b.send(http.MethodGet, "/ui/schedules?done=pause-schedule", ops); !strings.Contains(page, "The schedule is paused.") {
		t.Errorf("got %s, want what was done", page)
	}
	for _, elsewhere := range []string{"//evil.example/", "https://evil.example/ui/", "/oauth/start/x", "javascript:alert(1)", ""} {
		resp, _ := b.post("resume-schedule", form("name", "nightly", "back", elsewhere), ops)
		if to := resp.Header.Get("Location"); to != "/?done=resume-schedule" {
			t.Errorf("back %q: got %q, want the first page", elsewhere, to)
		}
	}

	b.supplier.answers(lists(0, "SO1"))
	if resp, body := b.post("retry-job", form("job_id", list[0].JobID), ops); resp.StatusCode != 303 {
		t.Errorf("got %d %s, want the job queued again", resp.StatusCode, body)
	}
	if again := b.result(2); again.State != jobs.Succeeded {
		t.Errorf("got %+v, want the run succeeded", again)
	}

	hold := make(chan struct{})
	b.supplier.answers(func(ctx context.Context, _ clients.Query) (clients.Answer, error) {
		select {
		case <-hold:
		case <-ctx.Done():
		}
		return clients.Answer{}, ctx.Err()
	})
	defer close(hold)
	b.publish("orderbeat.runs.michelin.sync", `{"accounts":["detroit"],"lookback":"3d"}`, nil)
	b.eventually("the job runs", func() bool { return len(b.jobsOf(jobs.Running)) == 1 })
	id := b.jobsOf(jobs.Running)[0].RunID
	resp, body = b.post("cancel-run", form("run_id", id), ops)
	if resp.StatusCode != 200 || !strings.Contains(body, "Cancel run "+id) || len(b.jobsOf(jobs.Running)) != 1 {
		t.Errorf("got %d %s, want a question first", resp.StatusCode, body)
	}
	if resp, body := b.post("cancel-run", form("run_id", id, "confirmed", "yes"), ops); resp.StatusCode != 303 {
		t.Errorf("got %d %s, want the run cancelled", resp.StatusCode, body)
	}
	if r := b.result(3); r.State != jobs.Cancelled {
		t.Errorf("got %s, want cancelled", r.State)
	}
}

func TestPageStreamsChanges(t *testing.T) {
	t.Parallel()
	b := start(t, listening)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, b.web+"/ui/live", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if kind := resp.Header.Get("Content-Type"); kind != "text/event-stream" {
		t.Fatalf("got %s", kind)
	}
	b.publish("orderbeat.runs.michelin.sync", `{"accounts":["detroit"]}`, nil)
	var got strings.Builder
	buffer := make([]byte, 1000)
	for !strings.Contains(got.String(), "event: change\n") {
		n, err := resp.Body.Read(buffer)
		if got.Write(buffer[:n]); err != nil {
			t.Fatalf("got %q, %v, want a change", got.String(), err)
		}
	}
	if err := b.stop(); err != nil { // and the stream does not delay it
		t.Fatal(err)
	}
	if _, err := io.ReadAll(resp.Body); err != nil {
		t.Errorf("got %v, want the stream closed", err)
	}
}
