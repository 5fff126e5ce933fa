package jobs_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"orderbeat/clients"
	"orderbeat/jobs"
)

// aged returns open orders by age in days before today (in Detroit).
func aged(days map[string]int) (open []jobs.OpenOrder) {
	for _, id := range []string{"A", "B", "C", "D", "E", "F"} {
		if n, ok := days[id]; ok {
			open = append(open, jobs.OpenOrder{OrderID: id, OrderedOn: clients.Date("2026-11-20").AddDays(-n)})
		}
	}
	return open
}

func TestTrackPlansOpenOrdersBeyondTheSyncWindow(t *testing.T) {
	ages := map[string]int{"A": 14, "B": 15, "C": 120, "D": 365, "E": 366, "F": 0}
	for name, c := range map[string]struct {
		params string
		want   []string
		stale  []string
	}{
		"default":                {``, []string{"B,C", "D"}, []string{"E"}},
		"younger orders too":     {`{"older_than":"0d"}`, []string{"A,B", "C,D"}, []string{"E"}},
		"shorter max_age":        {`{"max_age":"100d"}`, []string{"B"}, []string{"C", "D", "E"}},
		"longer max_age":         {`{"older_than":"100d","max_age":"1000d"}`, []string{"C,D", "E"}, nil},
		"part of a day is a day": {`{"older_than":"1h","max_age":"15d"}`, []string{"A,B"}, []string{"C", "D", "E"}},
	} {
		t.Run(name, func(t *testing.T) {
			all := targets(t)
			target := all["michelin"]
			target.Open = map[string][]jobs.OpenOrder{"detroit": aged(ages)}
			all["michelin"] = target
			_, planned, err := jobs.Plan(jobs.Request{Provider: "michelin", Kind: "track", Params: json.RawMessage(c.params)}, all, now)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, j := range planned {
				got = append(got, strings.Join(j.OrderIDs, ","))
				if j.Account != "detroit" || j.From != "" {
					t.Errorf("got %+v, want an order id query for detroit", j)
				}
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("queries (-want +got):\n%s", diff)
			}
			stale, err := jobs.Stale(jobs.Planning{Params: json.RawMessage(c.params), Account: target.Accounts[0], Open: target.Open["detroit"], Now: now})
			if err != nil {
				t.Fatal(err)
			}
			var staleIDs []string
			for _, o := range stale {
				staleIDs = append(staleIDs, o.OrderID)
			}
			if diff := cmp.Diff(c.stale, staleIDs); diff != "" {
				t.Errorf("stale (-want +got):\n%s", diff)
			}
		})
	}
}

func TestTrackRejects(t *testing.T) {
	for name, c := range map[string]struct{ provider, params, want string }{
		"a provider without requests by number": {"unbounded", ``, "does not support requests for single orders"},
		"max_age equal to older_than":           {"michelin", `{"older_than":"30d","max_age":"30d"}`, "max_age must be greater than older_than"},
		"an invalid age":                        {"michelin", `{"max_age":"long"}`, `max_age "long" is not a duration`},
		"a param of sync":                       {"michelin", `{"lookback":"14d"}`, `unknown field "lookback"`},
	} {
		_, _, err := jobs.Plan(jobs.Request{Provider: c.provider, Kind: "track", Params: json.RawMessage(c.params)}, targets(t), now)
		if e := clients.AsError(err); e == nil || e.Code != clients.CodeInvalid || !strings.Contains(e.Message, c.want) {
			t.Errorf("%s: got %v, want invalid with %q", name, err, c.want)
		}
	}
}

func TestTrackPlansYoungUnlistedOrders(t *testing.T) {
	all := targets(t)
	target := all["michelin"]
	target.Open = map[string][]jobs.OpenOrder{"detroit": {
		{OrderID: "A", OrderedOn: "2026-11-20"}, {OrderID: "B", OrderedOn: "2026-11-20", Unlisted: true}, {OrderID: "C", OrderedOn: "2020-01-01", Unlisted: true},
	}}
	all["michelin"] = target
	_, planned, err := jobs.Plan(jobs.Request{Provider: "michelin", Kind: "track"}, all, now)
	if err != nil || len(planned) != 1 || strings.Join(planned[0].OrderIDs, " ") != "B" {
		t.Errorf("got %+v, %v, want one job for B: A is listed, C is stale", planned, err)
	}
}
