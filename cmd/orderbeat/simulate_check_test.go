package main // an inside test: a main package cannot be imported

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/google/go-cmp/cmp"

	"orderbeat/clients"
	"orderbeat/db/outbox"
)

// simStored is a stored order, and since when it is not found.
type simStored struct{ document, missing string }

func (s simStored) same(other simStored) bool {
	return s.missing == other.missing && sameJSON(s.document, other.document)
}

// storedOrders returns a provider's orders by account and number.
func (s *simulation) storedOrders(provider string) map[string]map[string]simStored {
	s.t.Helper()
	all := map[string]map[string]simStored{}
	s.rows("SELECT account, order_id, document, coalesce(not_found_since, '') FROM orders WHERE provider = ?", provider, func(c []string) {
		if all[c[0]] == nil {
			all[c[0]] = map[string]simStored{}
		}
		all[c[0]][c[1]] = simStored{c[2], c[3]}
	})
	return all
}

// simJob is a job that ended.
type simJob struct {
	account, state, code, message string
	before                        string // errors of earlier attempts
	again                         bool   // it took more than one attempt
}

// brought reports whether the job stored orders.
func (j simJob) brought() bool { return j.state == "succeeded" || j.state == "partial" }

func (s *simulation) jobsOf(run string) (list []simJob) {
	s.t.Helper()
	const query = `SELECT account, state, coalesce(error_code, ''), coalesce(error, ''), provider || ' ' || kind,
		(SELECT coalesce(group_concat(DISTINCT coalesce(status, 0) || ' ' || coalesce(error, '')), '') FROM exchanges AS x WHERE x.job_id = j.job_id AND x.attempt < j.attempts),
		attempts FROM jobs AS j WHERE run_id = ?`
	s.rows(query, run, func(c []string) {
		s.outcomes[strings.TrimSpace(c[4]+" "+c[1]+" "+c[2])]++
		list = append(list, simJob{c[0], c[1], c[2], c[3], c[5], c[6] != "1"})
	})
	return list
}

// judge compares the jobs of a sync and the stored orders with the responses.
func (s *simulation) judge(provider, run string) {
	s.t.Helper()
	all := s.storedOrders(provider)
	for _, j := range s.jobsOf(run) {
		a, stored := s.accounts[j.account], all[j.account]
		where := fmt.Sprintf("%s/%s: %s %s %q after %v", provider, j.account, j.state, j.code, j.message, noted(a.faults))
		if a.calls > 60 {
			s.t.Errorf("%s: %d calls for pages of %d orders", where, a.calls, len(a.orders))
		}
		for id := range stored {
			if _, before := a.stored[id]; !before && !a.lists(id) {
				s.t.Errorf("%s: an order %q is stored that nobody meant", where, id)
			}
		}
		for id, before := range a.stored { // what is not listed stays
			if (!a.lists(id) || !j.brought()) && !before.same(stored[id]) {
				s.t.Errorf("%s: %s changed: %s", where, id, cmp.Diff(before, stored[id], cmp.AllowUnexported(simStored{})))
			}
		}
		for _, o := range a.orders {
			s.judgeListed(where, a, j, o, stored[o.id])
		}
		s.judgeState(where, a, j, len(a.bad) > 0)
		a.stored = stored
	}
}

// judgeListed compares an order in a list response with the stored one.
func (s *simulation) judgeListed(where string, a *simAccount, j simJob, o *simOrder, stored simStored) {
	s.t.Helper()
	same, untouched := sameJSON(o.meant(a), stored.document), sameJSON(a.stored[o.id].document, stored.document)
	switch {
	case j.state == "succeeded" && (!same || stored.missing != ""):
		s.t.Errorf("%s: %s is not as meant, or not found since %q (want, got):\n%s\n%s", where, o.id, stored.missing, o.meant(a), stored.document)
	case j.state != "partial":
	case a.bad[o.id] && !untouched:
		s.t.Errorf("%s: %s cannot be read, and was touched:\n%s\n%s", where, o.id, a.stored[o.id].document, stored.document)
	case a.bad[o.id] && !strings.Contains(j.message, o.id) && !a.faults["paging"]: // that page may not have been reached
		s.t.Errorf("%s: %s cannot be read, and is not named", where, o.id)
	case !a.bad[o.id] && !same && (!a.faults["paging"] || !untouched):
		s.t.Errorf("%s: %s is neither as meant nor named:\n%s\n%s", where, o.id, o.meant(a), stored.document)
	}
}

// judgeState checks that the final state of a job has a reason. bad is true if its response had
// an unreadable order.
func (s *simulation) judgeState(where string, a *simAccount, j simJob, bad bool) {
	s.t.Helper()
	if j.again && len(s.causes[a.provider]) == 0 && !bad && !a.faults["bad_response"] {
		s.t.Errorf("%s: more than one attempt, for no reason: %s", where, j.before)
	}
	switch {
	case j.state == "succeeded" && bad:
		s.t.Errorf("%s: want partial for %v", where, a.bad)
	case j.state == "succeeded":
	case j.state == "cancelled":
		s.judgeFailure(where, a.provider, j)
	case j.state == "partial":
		named := bad && (strings.Contains(j.message, "orders[") || a.provider == "items") || a.faults["paging"] && strings.Contains(j.message, "paging")
		if !named {
			s.t.Errorf("%s: partial for no reason, or without the path", where)
		}
	case j.code == "bad_response" && !bad && !a.faults["bad_response"] && !a.faults["paging"]:
		s.t.Errorf("%s: nothing was wrong with the answers", where)
	case j.code == "invalid" && !a.faults["login"]:
		s.t.Errorf("%s: nobody was redirected", where)
	default:
		s.judgeFailure(where, a.provider, j)
	}
}

// judgeFailure checks the failure of a job about none of its orders.
func (s *simulation) judgeFailure(where, provider string, j simJob) {
	s.t.Helper()
	if j.state == "cancelled" {
		if !s.causes[provider][simLong] {
			s.t.Errorf("%s: it was told to wait for a short time only", where)
		}
		return
	}
	switch j.code {
	case "bad_response", "invalid":
	case "unavailable", "throttled":
		if !s.causes[provider][j.code] {
			s.t.Errorf("%s: the provider was there", where)
		}
	default:
		s.t.Errorf("%s: no such failure was simulated", where)
	}
}

// judgeTracked compares the jobs that requested open orders by number, and the stored orders,
// with the responses.
func (s *simulation) judgeTracked(provider, run string) {
	s.t.Helper()
	all, asked := s.storedOrders(provider), map[string]simJob{}
	for _, j := range s.jobsOf(run) {
		asked[j.account] = j
	}
	for _, name := range simProviders[provider] {
		a, j, stored := s.accounts[name], asked[name], all[name]
		where := fmt.Sprintf("%s/%s: track %s %s %q after %v", provider, name, j.state, j.code, j.message, noted(a.faults))
		bad := false
		for id, before := range a.stored {
			now, told := stored[id], a.told[id] && j.brought()
			bad = bad || a.told[id] && a.bad[id]
			switch {
			case told && !a.bad[id]:
				if o := a.known(id); !sameJSON(o.meant(a), now.document) || now.missing != "" {
					s.t.Errorf("%s: %s is not as meant, or not found since %q (want, got):\n%s\n%s", where, id, now.missing, o.meant(a), now.document)
				}
			case a.denied[id] && j.state == "succeeded" && before.missing == "":
				if s.vanished[id]++; now.missing == "" || !sameJSON(before.document, now.document) {
					s.t.Errorf("%s: %s is not known to the provider, and is stored as %+v, before as %+v", where, id, now, before)
				}
			case !before.same(now):
				s.t.Errorf("%s: %s changed: %s", where, id, cmp.Diff(before, now, cmp.AllowUnexported(simStored{})))
			}
		}
		if len(stored) != len(a.stored) {
			s.t.Errorf("%s: got %d orders, before %d", where, len(stored), len(a.stored))
		}
		if j.state != "" {
			s.judgeState(where, a, j, bad)
		}
		a.stored = stored
	}
}

// judgeMichelin checks how the jobs of a run of Michelin ended: see sameAsSandbox.
func (s *simulation) judgeMichelin(run string) {
	s.t.Helper()
	for _, j := range s.jobsOf(run) {
		where := fmt.Sprintf("michelin/%s: %s %s %q", j.account, j.state, j.code, j.message)
		switch {
		case j.again && len(s.causes["michelin"]) == 0:
			s.t.Errorf("%s: more than one attempt, for no reason: %s", where, j.before)
		case j.brought():
		case j.state == "cancelled":
			s.judgeFailure(where, "michelin", j)
		case j.code == "bad_response" && !s.causes["michelin"]["bad_response"]:
			s.t.Errorf("%s: nothing was wrong with the answers", where)
		default:
			s.judgeFailure(where, "michelin", j)
		}
	}
}

// forgetCauses clears the causes of failures of providers whose jobs succeeded.
func (s *simulation) forgetCauses(runs map[string][]string) {
	for provider, list := range runs {
		if !slices.ContainsFunc(list, func(run string) bool {
			return s.value("SELECT count(*) FROM jobs WHERE run_id = ? AND state NOT IN ('succeeded', 'partial')", run) != "0"
		}) {
			delete(s.causes, provider)
		}
	}
}

func sameJSON(a, b string) bool {
	var x, y any
	if a == b {
		return true
	}
	return json.Unmarshal([]byte(a), &x) == nil && json.Unmarshal([]byte(b), &y) == nil && cmp.Equal(x, y)
}

// michelinTables are the tables with data of Michelin.
var michelinTables = map[string]string{"orders": "order_id", "despatch_advices": "advice_id", "invoices": "number"}

// sameAsSandbox compares the stored data of Michelin with that of a new worker without injected
// oddities.
func (s *simulation) sameAsSandbox() {
	s.t.Helper()
	fresh := startProcess(s.t, steady(s.t, s.t.TempDir(), s.outside, fmt.Sprintf("listen = \"127.0.0.1:%s\"", freePort(s.t))))
	for kind, params := range michelinRuns {
		fresh.request("runs.start", fmt.Sprintf(`{"provider":"michelin","kind":%q,"params":%s,"wait":true}`, kind, params))
	}
	file := openFile(s.t, fresh.config)
	fresh.stop()
	for table, id := range michelinTables {
		query := fmt.Sprintf("SELECT account || ' ' || %s, document FROM %s WHERE provider = ?", id, table)
		plain := &simulation{t: s.t, file: file}
		want, got := plain.texts(query, "michelin"), s.texts(query, "michelin")
		for key, document := range want {
			if !sameJSON(document, got[key]) {
				s.t.Errorf("michelin: %s %s (want, got):\n%s\n%s", table, key, document, got[key])
			}
		}
		if len(want) < 2 {
			s.t.Errorf("got %d %s of Michelin", len(want), table)
		}
	}
}

// published checks that events have the consecutive revisions of each order with their changes,
// and that every vanished order was published as vanished.
func (s *simulation) published() {
	s.t.Helper()
	p := s.program
	p.eventually("everything is published", func() bool { return p.count("outbox WHERE topic <> 'jobs'") == 0 }) // those of cancelled jobs stay
	var events []outbox.EventBody
	vanished := map[string]int{}
	for _, msg := range p.fetch("ORDERBEAT_ORDERS", p.messages("ORDERBEAT_ORDERS")-p.count("late_notices")) {
		var e outbox.EventBody
		p.decode(msg.Data(), &e)
		switch kind := msg.Headers().Get("ce-type"); {
		case kind == outbox.TypeOrderVanished:
			vanished[e.OrderID]++
			var o clients.Order
			if p.decode(p.encode(e.Order), &o); e.Status.Ended() || e.Status != o.Status {
				s.t.Errorf("%s vanished with the status %s, and was %s", e.OrderID, e.Status, o.Status)
			}
		case e.Provider != "michelin":
			events = append(events, e)
		}
	}
	p.inStep(events)
	if diff := cmp.Diff(s.vanished, vanished); diff != "" {
		s.t.Errorf("orders that vanished (-stored +published):\n%s", diff)
	}
	if n := p.count("order_events WHERE provider <> 'michelin'"); n != len(events) {
		s.t.Errorf("got %d events, %d are published", n, len(events))
	}
	s.counted["vanished"] = len(slices.Collect(maps.Keys(vanished)))
}
