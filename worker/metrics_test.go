package worker_test

import (
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
)

// The page keeps to the conventions of Prometheus, and has the values of a job.
func TestMetricsOfAJob(t *testing.T) {
	t.Parallel()
	r := newRemote(t, status(http.StatusOK))
	b := start(t, r.asking(1))
	b.ask("runs.start", `{"provider":"michelin","kind":"sync"}`)
	b.eventually("the jobs succeed and the result is published", func() bool {
		return b.value("SELECT count(*) FROM runs WHERE state = 'succeeded'") == "1" && b.holds("ORDERBEAT_RESULTS", ">") == 1
	})
	r.answers(status(http.StatusServiceUnavailable))
	b.ask("runs.start", `{"provider":"michelin","kind":"sync","accounts":["detroit"]}`)
	b.eventually("a job fails", func() bool { return b.value("SELECT count(*) FROM jobs WHERE state IN ('failed', 'dead')") == "1" })

	_, page := b.get("/metrics")
	problems, err := promlint.New(strings.NewReader(page)).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
	for _, want := range []string{
		`orderbeat_build_info{go_version="go`,
		`orderbeat_provider_call_duration_seconds_count{class="2xx",operation="orders",provider="michelin"} 2`,
		`orderbeat_provider_call_duration_seconds_count{class="5xx",operation="orders",provider="michelin"} `,
		`orderbeat_job_duration_seconds_count{kind="sync",provider="michelin",state="succeeded"} 2`,
		`orderbeat_runs_total{kind="sync",provider="michelin",state="succeeded"} 1`,
		`orderbeat_published_total{topic="results"} `,
		`orderbeat_api_request_duration_seconds_count{endpoint="runs.start",result="ok"} 2`,
		`orderbeat_outbox_oldest_age_seconds{topic="orders"} 0`,
		`orderbeat_jobs{state="queued"} 0`,
		`orderbeat_late_orders{provider="michelin"} 0`,
		`orderbeat_db_commit_duration_seconds_count `,
		`orderbeat_db_bytes `,
	} {
		if !strings.Contains(page, want) {
			t.Errorf("/metrics does not have %s", want)
		}
	}

	// The documents name no other metrics, and operations.md names all.
	described := regexp.MustCompile(`(?m)^# HELP (orderbeat_\w+)`)
	var exist []string
	for _, m := range described.FindAllStringSubmatch(page, -1) {
		exist = append(exist, m[1])
	}
	// Without a value in this test.
	exist = append(exist, "orderbeat_notifications_total", "orderbeat_open_orders", "orderbeat_auth_state", "orderbeat_auth_token_expiry_seconds", "orderbeat_auth_consent_required",
		"orderbeat_auth_cooldown_seconds", "orderbeat_auth_failures", "orderbeat_auth_logins_total", "orderbeat_auth_replays_total", "orderbeat_auth_reuses_total",
		"orderbeat_ticks_total", "orderbeat_alerts_raised", "orderbeat_follower_lag_seconds", "orderbeat_follower_lag_messages",
		"orderbeat_snapshot_timestamp_seconds", "orderbeat_snapshot_bytes")
	part := regexp.MustCompile(`_(bucket|sum|count)$`)
	name := regexp.MustCompile(`\borderbeat_[a-z_]+`)
	docs := filepath.Join("..", "docs")
	for _, file := range []string{"operations.md", "deploy/prometheus-rules.yml", "deploy/prometheus-rules.test.yml", "deploy/grafana-dashboard.json"} {
		text, err := os.ReadFile(filepath.Join(docs, file))
		if err != nil {
			t.Fatal(err)
		}
		named := name.FindAllString(string(text), -1)
		for _, n := range named {
			if !slices.Contains(exist, n) && !slices.Contains(exist, part.ReplaceAllString(n, "")) {
				t.Errorf("%s names %s, which /metrics does not have", file, n)
			}
		}
		if file != "operations.md" {
			continue
		}
		for _, n := range exist {
			if !slices.Contains(named, n) {
				t.Errorf("%s does not describe %s", file, n)
			}
		}
	}
}
