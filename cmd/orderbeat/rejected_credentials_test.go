package main // an inside test: a main package cannot be imported

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"orderbeat/clients/sandbox"
	"orderbeat/cmd/orderbeat/cli"
	"orderbeat/db/alerts"
	"orderbeat/jobs"
)

// TestRejectedCredentialsAreTriedThreeTimes restarts the program between rejections, after the
// cooldowns: rejections are counted across processes.
func TestRejectedCredentialsAreTriedThreeTimes(t *testing.T) {
	t.Parallel()
	stand, folder := newOutside(t), t.TempDir()
	config := filepath.Join(folder, "config.toml")
	text := fmt.Sprintf(`
[nats]
listen = "127.0.0.1:%s"
sync = "2m"
%s
[providers.michelin]
kind = "michelin"
base_url = %q
client_id = %q
client_secret = %q
[[providers.michelin.accounts]]
name = "detroit"
bill_to = "1111111"
`, freePort(t), webOn(t, "127.0.0.1", ""), stand.url, writeSecret(t, folder, "id", sandbox.ClientID), writeSecret(t, folder, "secret", "not the right one"))
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	const login = "POST /idp/v2/b2b/oauth2/token"
	logins := func(want int, when string) {
		t.Helper()
		if n := stand.count(login); n != want {
			t.Errorf("%s: got %d logins, want %d", when, n, want)
		}
	}
	ask := func(p *program) jobs.Run {
		t.Helper()
		var reply struct{ Run jobs.Run }
		p.decode(p.request("runs.start", `{"provider":"michelin","kind":"sync","wait":true}`), &reply)
		return reply.Run
	}

	var p *program
	for refusal := 1; refusal <= 3; refusal++ {
		p = startHere(t, config)
		for range 2 {
			if run := ask(p); run.State != jobs.Failed || run.Errors[0].Code != "auth_rejected" {
				t.Errorf("got %+v, want the job failed as auth_rejected", run)
			}
		}
		logins(refusal, "two runs within a cooldown")
		if refusal < 3 {
			p.stop()
			endCooldowns(t, config)
		}
	}
	if r := do(t, "--config", config, "auth", "status"); !strings.Contains(r.stdout, "rejected") || !strings.Contains(r.stdout, "orderbeat auth unlatch michelin") {
		t.Errorf("got %s, want the state rejected and the unlatch command", r.stdout)
	}
	if resp, err := http.Get(p.web + "/readyz"); err != nil || resp.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("got %v %v, want not ready: the only provider refuses for good", resp, err)
	}
	p.stop()
	if r := do(t, "--config", config, "auth", "status"); !strings.Contains(r.stdout, "rejected") || !strings.Contains(r.stderr, "no worker responds") {
		t.Errorf("got %s%s, want the database to tell the same without a worker", r.stdout, r.stderr)
	}
	endCooldowns(t, config)

	p = startHere(t, config)
	ask(p)
	logins(3, "after the third refusal")
	if r := do(t, "--config", config, "auth", "unlatch", "michelin"); r.status != cli.Done || r.stdout != "michelin: the next call may request a token\n" {
		t.Errorf("got status %d, %s%s", r.status, r.stdout, r.stderr)
	}
	ask(p)
	ask(p)
	logins(4, "after unlatch, two runs")
	p.stop()

	// Other credentials are tried at once.
	writeSecret(t, folder, "secret", sandbox.ClientSecret)
	p = startHere(t, config)
	if run := ask(p); run.State != jobs.Succeeded {
		t.Errorf("got %+v, want the right credentials taken", run)
	}
	logins(5, "with the right credentials")
	var states []string
	for _, a := range p.alerts(4) {
		states = append(states, string(a.Code)+" "+a.State)
	}
	want := fmt.Sprintf("auth_rejected %[1]s, auth_rejected %[2]s, auth_rejected %[1]s, auth_rejected %[2]s", alerts.AlertRaised, alerts.AlertResolved)
	if got := strings.Join(states, ", "); got != want {
		t.Errorf("got alerts %s, want %s", got, want)
	}
	if n := p.messages("ORDERBEAT_ALERTS"); n != 4 {
		t.Errorf("got %d messages about alerts, want 4", n)
	}
}

// endCooldowns ends all cooldowns in the database of a stopped program.
func endCooldowns(t *testing.T, config string) {
	t.Helper()
	damage(t, config, "UPDATE credentials SET cooldown_until = NULL")
}
