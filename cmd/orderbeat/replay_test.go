package main // an inside test: a main package cannot be imported

import (
	"encoding/json"
	"strings"
	"testing"

	"orderbeat/cmd/orderbeat/cli"
)

func TestEventsAreReplayed(t *testing.T) {
	t.Parallel()
	config := shipped(t, t.TempDir(), "@every 1h")
	replace(t, config, `listen      = "127.0.0.1:0"`, `listen      = "127.0.0.1:`+freePort(t)+`"`)
	p := startHere(t, config)
	run := p.results(1)[0]
	p.eventually("the outbox is empty", func() bool { return p.count("outbox") == 0 })
	before := p.messages("ORDERBEAT_ORDERS")
	r := do(t, "--config", config, "replay", "--provider", "michelin", "--since", "1h", "--json")
	var reply struct{ Events int }
	if err := json.Unmarshal([]byte(r.stdout), &reply); err != nil || reply.Events != run.Orders.Created {
		t.Fatalf("got status %d, %s%s, want %d events", r.status, r.stdout, r.stderr, run.Orders.Created)
	}
	p.eventually("they are published again", func() bool { return p.messages("ORDERBEAT_ORDERS") == before+reply.Events })
	if r := do(t, "--config", config, "replay", "--until", "1h"); r.status != cli.Done || !strings.HasPrefix(r.stdout, "0 events republished") {
		t.Errorf("got status %d, %s%s, want none from before", r.status, r.stdout, r.stderr)
	}
	for args, want := range map[string]string{"--until soon": "--until", "--account nowhere": "unknown account"} {
		if r := do(t, append([]string{"--config", config, "replay"}, strings.Fields(args)...)...); r.status != cli.Usage || !strings.Contains(r.stderr, want) {
			t.Errorf("%s: got status %d, %s, want %q", args, r.status, r.stderr, want)
		}
	}
}
