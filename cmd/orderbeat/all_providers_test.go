package main // an inside test: a main package cannot be imported

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"orderbeat/clients"
	"orderbeat/clients/sandbox"
	"orderbeat/clients/sandbox/microbilt"
	"orderbeat/cmd/orderbeat/cli"
	"orderbeat/db/outbox"
	"orderbeat/jobs"
)

// five configures all five providers at the sandbox, and a schedule for each that starts
// with the program. A day of the sandbox is a second.
const five = `
[nats]
listen = "127.0.0.1:%s"
sync = "2m"
%s
[log]
level = "debug"
[sandbox]
listen = "127.0.0.1:0"
day = "1s"

[providers.michelin]
kind = "michelin"
[[providers.michelin.accounts]]
name = "detroit"
bill_to = "1111111"
timezone = "America/Detroit"

[providers.ptv]
kind = "ptv"
rate = "100/s"
[[providers.ptv.accounts]]
name = "planning"

[providers.shell]
kind = "shell"
[[providers.shell.accounts]]
name = "fleet"
bill_to = "GB00000101"
params = { colco = 32 }
timezone = "Europe/London"

[providers.microbilt]
kind = "microbilt"
[[providers.microbilt.accounts]]
name = "office"
params = { product = "IBV" }

[providers.mazda]
kind = "mazda"
rate = "100/s"
[[providers.mazda.accounts]]
name = "dealer"
user = "johndoe"
org = "10030/MMD"
[providers.mazda.orders]
path   = "/mazda/parts-orders"
query  = { from = '\($from)', to = '\($to)', page = '\($page)' }
paging = { by = "page", pages = ".pages" }
map = '''
.orders[] | {
  order_id: .orderNumber, reference, ordered_on: .orderDate,
  lines: [.lines[] | {line_id: .line, article_id: .partNumber, description, ordered, shipped, backordered, promised_on: .eta, open: (.ordered - .shipped - .backordered)}]
}
'''
`

// fiveAsked are the requests per provider.
var fiveAsked = map[string]struct{ kind, params, toml string }{
	"michelin":  {"sync", `{"lookback":"14d"}`, `{ lookback = "14d" }`},
	"ptv":       {"sync", `{"lookback":"14d"}`, `{ lookback = "14d" }`},
	"shell":     {"sync", `{"lookback":"6d"}`, `{ lookback = "6d" }`},
	"microbilt": {"fetch", `{"order_ids":["APP-1001","APP-1002","APP-1003"]}`, `{ order_ids = ["APP-1001", "APP-1002", "APP-1003"] }`},
	"mazda":     {"sync", `{"lookback":"30d"}`, `{ lookback = "30d" }`},
}

func allFive(t *testing.T) (config string) {
	t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, five, freePort(t), webOn(t, "127.0.0.1", ""))
	for _, name := range slices.Sorted(maps.Keys(fiveAsked)) {
		fmt.Fprintf(&b, "[[schedules]]\nname = %[1]q\nprovider = %[1]q\nkind = %[2]q\nparams = %[3]s\ncron = \"@every 1h\"\nat_start = true\n", name, fiveAsked[name].kind, fiveAsked[name].toml)
	}
	config = filepath.Join(t.TempDir(), "config.toml")
	if err := os.WriteFile(config, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return config
}

// TestOrdersOfAllFiveProviders starts the whole program with all five providers, lets Mazda's
// user grant access in a browser, and checks that orders of all of them are stored and
// published, and then a change of each.
func TestOrdersOfAllFiveProviders(t *testing.T) {
	t.Parallel()
	p := startHere(t, allFive(t))
	started := map[string]jobs.Run{}
	for _, r := range p.results(5) {
		started[r.Provider] = r
	}
	if r := started["mazda"]; r.State != jobs.Failed || r.Errors[0].Code != clients.CodeConsent {
		t.Fatalf("got %+v, want Mazda's run to ask for a consent", r)
	}
	newBrowser(t).grant(p.alerts(1)[0].Link, "johndoe")
	started["mazda"] = p.results(6)[5]
	for name, r := range started {
		if r.State != jobs.Succeeded || r.Orders.Created < 2 {
			t.Errorf("%s: got %+v, want orders at start", name, r)
		}
	}

	// A change of each, as days of the sandbox pass.
	for name, ask := range fiveAsked {
		changed := 0
		p.eventually("a change of "+name, func() bool {
			var reply struct{ Run jobs.Run }
			p.decode(p.request("runs.start", fmt.Sprintf(`{"provider":%q,"kind":%q,"params":%s,"wait":true}`, name, ask.kind, ask.params)), &reply)
			if reply.Run.State != jobs.Succeeded {
				t.Fatalf("got %+v, want a run that succeeded", reply.Run)
			}
			changed = reply.Run.Orders.Changed
			return changed > 0
		})
	}
	p.eventually("the outbox is empty", func() bool { return p.count("outbox") == 0 })
	events := p.events(p.count("order_events"))
	p.inStep(events)
	newest := map[string]map[string]outbox.EventBody{} // by provider and order
	changes := map[string]int{}
	for _, e := range events {
		if newest[e.Provider] == nil {
			newest[e.Provider] = map[string]outbox.EventBody{}
		}
		newest[e.Provider][e.OrderID] = e
		if e.Revision > 1 {
			changes[e.Provider]++
		}
	}
	published := map[string]int{}
	for name, orders := range newest {
		published[name] = len(orders)
		if changes[name] == 0 {
			t.Errorf("%s: no change was published", name)
		}
		for _, e := range orders {
			var reply struct {
				Order    clients.Order
				Revision int
			}
			p.decode(p.request("orders.get", fmt.Sprintf(`{"provider":%q,"account":%q,"order_id":%q}`, name, e.Account, e.OrderID)), &reply)
			if diff := cmp.Diff(p.order(e), &reply.Order); diff != "" || reply.Revision != e.Revision {
				t.Errorf("%s %s: what is published and what is replied differ, revisions %d and %d (-published +replied):\n%s", name, e.OrderID, e.Revision, reply.Revision, diff)
			}
			break // one of each suffices
		}
	}
	kept := map[string]int{}
	for name := range fiveAsked {
		kept[name] = p.count("orders WHERE provider = '" + name + "'")
	}
	if diff := cmp.Diff(kept, published); diff != "" {
		t.Errorf("orders (-kept +published):\n%s", diff)
	}
	p.liveIsKept()
	p.nothingDiffersMappedAgain()
	p.nothingThatNobodyMaySee()
}

// liveIsKept requests a live order, which is recorded as an exchange like every job.
func (p *program) liveIsKept() {
	p.t.Helper()
	var ids []string
	p.rows("SELECT order_id FROM orders WHERE provider = 'michelin' LIMIT 1", &ids)
	p.request("orders.get", fmt.Sprintf(`{"provider":"michelin","account":"detroit","order_id":%q,"max_age":"0s"}`, ids[0]))
	if n := p.count("exchanges WHERE detail = 'full' AND run_id IN (SELECT run_id FROM runs WHERE trigger = 'live')"); n != 1 {
		p.t.Errorf("got %d exchanges of a question that was asked live, want 1", n)
	}
}

// nothingDiffersMappedAgain remaps all recorded responses: redacted values are not part of
// orders.
func (p *program) nothingDiffersMappedAgain() {
	p.t.Helper()
	events := p.count("order_events")
	for name := range fiveAsked {
		r := do(p.t, "--config", p.config, "remap", name, "--json")
		if name == "microbilt" { // whose bodies are not recorded
			if r.status != cli.Usage || !strings.Contains(r.stderr, "no recorded response matches") {
				p.t.Errorf("microbilt: got status %d, %s%s, want that nothing is kept", r.status, r.stdout, r.stderr)
			}
			continue
		}
		var run jobs.Run
		p.decode([]byte(r.stdout), &run)
		if run.State != jobs.Succeeded || run.Orders.Seen == 0 || run.Orders.Created+run.Orders.Changed != 0 {
			p.t.Errorf("%s: got %+v, want that nothing differs", name, run)
		}
	}
	if n := p.count("order_events"); n != events {
		p.t.Errorf("got %d events, want %d as before", n, events)
	}
}

// neverSeen are a consumer in a report, and the numbers of fuel cards.
var neverSeen = regexp.MustCompile(microbilt.CanaryName + "|" + microbilt.CanaryNumber + `|7077327\d{12}`)

// nothingThatNobodyMaySee searches everything that the program wrote for consumers' data and
// card numbers, and checks that it ordered no report.
func (p *program) nothingThatNobodyMaySee() {
	p.t.Helper()
	var d struct {
		Providers []struct {
			Provider string
			Requests map[sandbox.Op]int
		}
	}
	p.decode(p.sandbox("GET", "/_sandbox/", ""), &d)
	for _, provider := range d.Providers {
		if n := provider.Requests[sandbox.OpMicrobiltGetReport]; n != 0 {
			p.t.Errorf("%d reports were ordered", n)
		}
		if provider.Provider == "microbilt" && provider.Requests[sandbox.OpMicrobiltArchiveReport] == 0 {
			p.t.Error("no report was fetched: this proves too little")
		}
	}
	messages := p.everyMessage()
	p.stop()
	places := filesBelow(p.t, filepath.Join(filepath.Dir(p.config), "data"))
	maps.Copy(places, map[string]string{"the log": p.logged.String(), "a message": messages})
	for place, content := range places {
		if told := neverSeen.FindString(content); told != "" {
			p.t.Errorf("%s tells %s", place, told)
		}
	}
}
