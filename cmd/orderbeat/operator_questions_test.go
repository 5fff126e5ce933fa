package main // an inside test: a main package cannot be imported

import (
	"database/sql"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"orderbeat/cmd/orderbeat/cli"
)

// nightQuestion is a question of operations.md with what answers it.
type nightQuestion struct {
	text     string
	pages    []string // addresses on the web listener
	metrics  []string // names
	commands [][]string
	queries  []string
}

var (
	questionLine = regexp.MustCompile(`(?m)^\*\*(.*\?)\*\* `)
	pageLink     = regexp.MustCompile("\\[`([^`]+)`\\]\\(http://127\\.0\\.0\\.1:8321([^)]+)\\)")
	metricName   = regexp.MustCompile(`\borderbeat_[a-z_]+`)
)

// questions reads the section "Questions at night".
func questions(t *testing.T) (list []nightQuestion) {
	t.Helper()
	text, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(text), "\n## Questions at night\n")
	section, _, _ = strings.Cut(section, "\n## ")
	starts := questionLine.FindAllStringSubmatchIndex(section, -1)
	for i, at := range starts {
		end := len(section)
		if i+1 < len(starts) {
			end = starts[i+1][0]
		}
		q := nightQuestion{text: section[at[2]:at[3]]}
		about, block, _ := strings.Cut(section[at[1]:end], "```sh\n")
		block, _, closed := strings.Cut(block, "```\n")
		if !closed {
			t.Fatalf("%s: no commands", q.text)
		}
		for _, m := range pageLink.FindAllStringSubmatch(about, -1) {
			if m[1] != m[2] {
				t.Errorf("%s: %s leads to %s", q.text, m[1], m[2])
			}
			q.pages = append(q.pages, m[2])
		}
		q.metrics = metricName.FindAllString(about, -1)
		for line := range strings.Lines(block) {
			if args, ok := orderbeatArgs(line); ok {
				q.commands = append(q.commands, args)
				continue
			}
			words := shellWords(line)
			if len(words) != 3 || words[0] != "sqlite3" {
				t.Fatalf("%s: no test runs %s", q.text, line)
			}
			q.queries = append(q.queries, words[2])
		}
		list = append(list, q)
	}
	return list
}

// TestQuestionsAreAnswered follows all that operations.md says about questions of an operator, while the
// worker runs and everything is the case that they ask about: no answer may be empty.
func TestQuestionsAreAnswered(t *testing.T) {
	t.Parallel()
	p := troubled(t)
	file := openFile(t, p.config)
	var order string
	if err := file.QueryRow("SELECT order_id FROM promise_history WHERE account = 'detroit' LIMIT 1").Scan(&order); err != nil {
		t.Fatal(err)
	}
	list := questions(t)
	if len(list) < 20 {
		t.Errorf("got %d questions, want 20", len(list))
	}
	get := func(address string) (status int, body string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.web+address, nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		text, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		return response.StatusCode, string(text)
	}
	_, metrics := get("/metrics")
	sample := strings.NewReplacer("SO12701112", order)
	for _, q := range list {
		if len(q.pages)*len(q.metrics)*len(q.commands)*len(q.queries) == 0 {
			t.Errorf("%s: got %+v, want a page, a metric, a command and SQL", q.text, q)
		}
		for _, page := range q.pages {
			if status, _ := get(sample.Replace(page)); status != http.StatusOK {
				t.Errorf("%s: %s: got status %d", q.text, page, status)
			}
		}
		for _, name := range q.metrics {
			if base := strings.TrimSuffix(strings.TrimSuffix(name, "_bucket"), "_count"); !strings.Contains(metrics, "# HELP "+base+" ") {
				t.Errorf("%s: /metrics has no %s", q.text, name)
			}
		}
		for _, args := range q.commands {
			line := sample.Replace(strings.Join(args, " "))
			if r := do(t, append([]string{"--config", p.config}, strings.Fields(line)...)...); r.status != cli.Done || r.stdout == "" {
				t.Errorf("%s: %s: got status %d, %q, %s", q.text, line, r.status, r.stdout, r.stderr)
			}
		}
		for _, query := range q.queries {
			p.query(snippet{file: q.text}, file, sample.Replace(query))
		}
	}
}

// troubled is a running worker with something of each kind that can be wrong. What would not last, or
// would take long, is inserted into its database.
func troubled(t *testing.T) *program {
	t.Helper()
	config := shipped(t, t.TempDir(), "@every 1h")
	replace(t, config, `day    = "20s"`, `day    = "1s"`)
	replace(t, config, `listen      = "127.0.0.1:0"`, `listen      = "127.0.0.1:`+freePort(t)+`"`)
	replace(t, config, `listen = "127.0.0.1:0"        # the page`, `listen = "127.0.0.1:`+freePort(t)+`"        # the page`)
	replace(t, config, "attempts = 8", "attempts = 1")
	text, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	const mazda = `
[providers.mazda]
kind = "mazda"
[[providers.mazda.accounts]]
name = "one"
user = "johndoe"
org = "10030/MMD"
`
	if err := os.WriteFile(config, append(text, mazda...), 0o600); err != nil {
		t.Fatal(err)
	}
	p := startHere(t, config)
	sync := func(account, state string) {
		t.Helper()
		before := p.count("jobs WHERE finished_at IS NOT NULL")
		p.publish("orderbeat.runs.michelin.sync", `{"accounts":["`+account+`"]}`)
		p.eventually(account+" "+state, func() bool { return p.count("jobs WHERE finished_at IS NOT NULL") > before })
	}
	p.eventually("orders are stored", func() bool { return p.count("runs WHERE state = 'succeeded'") > 0 })
	p.eventually("promises move, and a day passes", func() bool {
		sync("detroit", "succeeded")
		return p.count("promise_history WHERE account = 'detroit'") > 0 && p.count("late_orders") > 0
	})
	p.eventually("a user must grant access", func() bool { return p.count("alerts WHERE code = 'consent_required'") > 0 })
	p.sandbox("POST", "/_sandbox/fault", `{"op":"order_status","status":503,"times":1}`)
	sync("toledo", "dead")
	p.sandbox("POST", "/_sandbox/fault", `{"op":"order_status","status":403,"times":1}`)
	sync("toledo", "failed")

	file, err := sql.Open("sqlite3", "file:"+filepath.Join(filepath.Dir(config), "data", "orderbeat.db")+"?_busy_timeout=10000")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	const job = `INSERT INTO jobs (job_id, run_id, provider, account, kind, question, state, dispatch, next_attempt_at, planned_at)
SELECT job_id || ?, run_id, provider, account, kind, question, ?, ?, ?, planned_at FROM jobs WHERE provider = 'michelin' LIMIT 1`
	for _, change := range []struct {
		statement string
		args      []any
	}{
		{job, []any{"1", "queued", "blocked", nil}},
		{job, []any{"2", "running", nil, nil}},
		{job, []any{"3", "waiting", nil, "2999-01-01T00:00:00.000Z"}},
		{`INSERT INTO outbox (due_at, topic, subject, msg_id, type, ce_subject, source, time) VALUES ('2999-01-01T00:00:00.000Z', 'orders', 's', 'm', 't', 'c', 'o', '2026-01-01T00:00:00.000Z')`, nil},
		{`INSERT INTO unpublishable (set_aside_at, reason, topic, subject, msg_id, type, ce_subject, source, time)
VALUES ('2026-01-01T00:00:00.000Z', 'too large', 'orders', 's', 'm', 't', 'c', 'o', '2026-01-01T00:00:00.000Z')`, nil},
		{`INSERT INTO ticks (schedule, due_at, outcome, reason) VALUES ('michelin-recent', strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '-1 day'), 'skipped', 'paused')`, nil},
		// Counted every 20 seconds.
		{`INSERT INTO supplier_months SELECT value, 'michelin', 'detroit', strftime('%Y-%m'), '70042', 3, 1, 1, 2, 1, 0, 0, 1, 0, 0, 2, 4, 4
FROM json_each('["account", "article", "both"]')`, nil},
		{`UPDATE exchanges SET status = 429 WHERE exchange_id = (SELECT min(exchange_id) FROM exchanges)`, nil},
	} {
		if _, err := file.ExecContext(t.Context(), change.statement, change.args...); err != nil {
			t.Fatalf("%s: %v", change.statement, err)
		}
	}
	return p
}
