package main // an inside test: a main package cannot be imported

import (
	"strings"
	"testing"

	"orderbeat/clients"
	"orderbeat/cmd/orderbeat/cli"
	"orderbeat/jobs"
)

// TestOutageIsReported lets Michelin fail until the breaker opens, and checks what is reported.
// When it responds again, the run continues by itself.
func TestOutageIsReported(t *testing.T) {
	t.Parallel()
	config := shipped(t, t.TempDir(), "@every 1h")
	replace(t, config, "at_start = true ", "at_start = false")
	replace(t, config, `listen      = "127.0.0.1:0"`, `listen      = "127.0.0.1:`+freePort(t)+`"`)
	p := startHere(t, config)
	p.sandbox("POST", "/_sandbox/fault", `{"op":"order_status","error_code":"999","times":-1}`)
	p.publish("orderbeat.runs.michelin.sync", ``)
	breaker := func() clients.BreakerStatus {
		var reply struct {
			Providers []struct{ Breaker clients.BreakerStatus }
		}
		p.decode(p.request("providers.list", ``), &reply)
		return reply.Providers[0].Breaker
	}
	p.eventually("the breaker opens", func() bool { return breaker().State == clients.BreakerOpen })
	r := do(t, "--config", config, "doctor", "michelin")
	if r.status != cli.Done || strings.Count(r.stdout, "  ok") != 3 || !strings.Contains(r.stderr, "michelin: breaker open after ") {
		t.Errorf("got status %d, %s%s, want that the credentials are good, and that nothing is answered", r.status, r.stdout, r.stderr)
	}
	p.sandbox("DELETE", "/_sandbox/fault", "")
	p.eventually("the breaker closes", func() bool { return breaker().State == clients.BreakerClosed })
	if run := p.results(1)[0]; run.State != jobs.Succeeded {
		t.Errorf("got %+v, want the run to go on by itself", run)
	}
}
