package jobs_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"orderbeat/clients"
	"orderbeat/jobs"
)

// now is noon in Detroit and already the next day in Auckland.
var now = time.Date(2026, 11, 20, 17, 0, 0, 0, time.UTC)

func targets(t *testing.T) map[string]jobs.Target {
	t.Helper()
	zone := func(name string) *time.Location {
		l, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	return map[string]jobs.Target{
		"michelin": {
			Traits: clients.Traits{MaxWindowDays: 90, MaxReferences: 2},
			Accounts: []clients.Account{
				{Name: "detroit", Location: zone("America/Detroit")},
				{Name: "auckland", Location: zone("Pacific/Auckland")},
			},
		},
		"unbounded":     {Accounts: []clients.Account{{Name: "only"}}},
		"short-history": {Traits: clients.Traits{MaxWindowDays: 4, HistoryDays: 7}, Accounts: []clients.Account{{Name: "only"}}},
		"windowless":    {Traits: clients.Traits{NoWindows: true, MaxReferences: 5}, Accounts: []clients.Account{{Name: "only"}}},
	}
}

func TestSyncWindows(t *testing.T) {
	type window struct {
		Account  string
		From, To clients.Date
	}
	cases := map[string]struct {
		params string
		want   []window
	}{
		"the default is 14 days back, in each account's time zone": {
			``,
			[]window{{"detroit", "2026-11-06", "2026-11-20"}, {"auckland", "2026-11-07", "2026-11-21"}},
		},
		"89 days back are 90 days: one window": {
			`{"lookback":"89d"}`,
			[]window{{"detroit", "2026-08-23", "2026-11-20"}, {"auckland", "2026-08-24", "2026-11-21"}},
		},
		"90 days back are 91 days: two windows": {
			`{"lookback":"90d"}`,
			[]window{
				{"detroit", "2026-08-22", "2026-11-19"},
				{"auckland", "2026-08-23", "2026-11-20"},
				{"detroit", "2026-11-20", "2026-11-20"},
				{"auckland", "2026-11-21", "2026-11-21"},
			},
		},
		"part of a day is rounded up to a day": {
			`{"lookback":"1h"}`,
			[]window{{"detroit", "2026-11-19", "2026-11-20"}, {"auckland", "2026-11-20", "2026-11-21"}},
		},
		"a range includes both ends": {
			`{"from":"2026-01-31","to":"2026-02-01"}`,
			[]window{{"detroit", "2026-01-31", "2026-02-01"}, {"auckland", "2026-01-31", "2026-02-01"}},
		},
		"a range without an end ends today": {
			`{"from":"2026-11-19"}`,
			[]window{{"detroit", "2026-11-19", "2026-11-20"}, {"auckland", "2026-11-19", "2026-11-21"}},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			run, planned, err := jobs.Plan(jobs.Request{Provider: "michelin", Kind: "sync", Params: json.RawMessage(c.params)}, targets(t), now)
			if err != nil {
				t.Fatal(err)
			}
			var got []window
			for _, j := range planned {
				got = append(got, window{j.Account, j.From, j.To})
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("windows (-want +got):\n%s", diff)
			}
			if run.State != jobs.Queued || run.Jobs.Total != len(c.want) {
				t.Errorf("got run %s with %d jobs, want queued with %d", run.State, run.Jobs.Total, len(c.want))
			}
		})
	}
}

func TestSyncWithoutLimitPlansOneWindow(t *testing.T) {
	_, planned, err := jobs.Plan(jobs.Request{Provider: "unbounded", Kind: "sync", Params: json.RawMessage(`{"from":"2020-01-01"}`)}, targets(t), now)
	if err != nil {
		t.Fatal(err)
	}
	if len(planned) != 1 || planned[0].From != "2020-01-01" || planned[0].To != "2026-11-20" {
		t.Errorf("got %+v, want one window from 2020-01-01 to 2026-11-20", planned)
	}
}

// A lookback beyond the provider's history starts at the oldest supported day.
func TestSyncLookbackIsCutToTheProvidersHistory(t *testing.T) {
	for params, want := range map[string]string{
		``:                      "2026-11-14..2026-11-17 2026-11-18..2026-11-20",
		`{"lookback":"1d"}`:     "2026-11-19..2026-11-20",
		`{"from":"2026-11-14"}`: "2026-11-14..2026-11-17 2026-11-18..2026-11-20",
	} {
		_, planned, err := jobs.Plan(jobs.Request{Provider: "short-history", Kind: "sync", Params: json.RawMessage(params)}, targets(t), now)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, j := range planned {
			got = append(got, fmt.Sprintf("%s..%s", j.From, j.To))
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: got %s, want %s", params, got, want)
		}
	}
}

func TestFetchPlansBatches(t *testing.T) {
	_, planned, err := jobs.Plan(jobs.Request{
		Provider: "michelin", Kind: "fetch", Accounts: []string{"detroit", "detroit"},
		Params: json.RawMessage(`{"order_ids":["A","B","A","C"],"references":["P"]}`),
	}, targets(t), now)
	if err != nil {
		t.Fatal(err)
	}
	var got []jobs.Question
	for _, j := range planned {
		got = append(got, j.Question)
	}
	want := []jobs.Question{{OrderIDs: []string{"A", "B"}}, {OrderIDs: []string{"C"}}, {References: []string{"P"}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("queries (-want +got):\n%s", diff)
	}
}

func TestPlanRejects(t *testing.T) {
	long := strings.Repeat("9", 1<<20)
	cases := map[string]struct {
		r    jobs.Request
		want string
	}{
		"an unknown provider":               {jobs.Request{Provider: "goodyear", Kind: "sync"}, `unknown provider "goodyear"`},
		"an unknown kind":                   {jobs.Request{Provider: "michelin", Kind: "steal"}, `unknown kind "steal"`},
		"an unknown account":                {jobs.Request{Provider: "michelin", Kind: "sync", Accounts: []string{"x"}}, `unknown account "x"`},
		"an unknown param":                  {sync(`{"days":3}`), `unknown field "days"`},
		"a param of a wrong type":           {sync(`{"lookback":14}`), `lookback: want a string, got a number`},
		"params that are not an object":     {sync(`[]`), `want a JSON object, got a list`},
		"a lookback that is not a duration": {sync(`{"lookback":"soon"}`), `lookback "soon" is not a duration`},
		"a lookback into the future":        {sync(`{"lookback":"-3d"}`), `lookback "-3d" is not a duration`},
		"a lookback with a range":           {sync(`{"lookback":"3d","from":"2026-01-01"}`), `cannot be combined`},
		"a reversed range":                  {sync(`{"from":"2026-02-01","to":"2026-01-01"}`), `from 2026-02-01 is after to 2026-01-01`},
		"a range after today":               {sync(`{"from":"2027-01-01","to":"2027-01-02"}`), `begins after today`},
		"a range before 1970":               {sync(`{"from":"0001-01-01"}`), `begins before 1970-01-01`},
		"an invalid day":                    {sync(`{"from":"2026-02-30","to":"2026-03-01"}`), `from: "2026-02-30" is not a date`},
		"two invalid days":                  {sync(`{"from":"x","to":"y"}`), `from: "x" is not a date`},
		"a fetch without numbers":           {fetch(`{}`), `fetch requires order_ids or references`},
		"a blank order id":                  {fetch(`{"order_ids":[" "]}`), `blank`},
		"an order id of a megabyte":         {fetch(`{"order_ids":["` + long + `"]}`), `longer than`},
		"too many jobs":                     {fetch(`{"order_ids":[` + many(2*jobs.MaxJobs+2) + `]}`), `more than 20000 jobs`},
		"a range that begins before the provider's history": {
			jobs.Request{Provider: "short-history", Kind: "sync", Params: json.RawMessage(`{"from":"2026-11-13"}`)}, `begins before 2026-11-14`,
		},
		"a window for a provider without windows": {jobs.Request{Provider: "windowless", Kind: "sync"}, `does not support requests by date range`},
		"a fetch for a provider without it":       {jobs.Request{Provider: "unbounded", Kind: "fetch", Params: json.RawMessage(`{"order_ids":["A"]}`)}, `does not support requests for single orders`},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			run, planned, err := jobs.Plan(c.r, targets(t), now)
			e, ok := errors.AsType[*clients.Error](err)
			if !ok || e.Code != clients.CodeInvalid || !strings.Contains(e.Message, c.want) {
				t.Fatalf("got %v, want an invalid request with %q", err, c.want)
			}
			if len(e.Message) > 500 {
				t.Errorf("the message has %d bytes: it repeats the input at length", len(e.Message))
			}
			if run.State != jobs.Failed || len(planned) != 0 || run.FinishedAt == nil || len(run.Errors) != 1 {
				t.Errorf("got run %+v with %d jobs, want a failed run with its error and no jobs", run, len(planned))
			}
		})
	}
}

func sync(params string) jobs.Request {
	return jobs.Request{Provider: "michelin", Kind: "sync", Params: json.RawMessage(params)}
}

func fetch(params string) jobs.Request {
	return jobs.Request{Provider: "michelin", Kind: "fetch", Params: json.RawMessage(params)}
}

func many(n int) string {
	var b strings.Builder
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `"SO%d"`, i)
	}
	return b.String()
}

func TestDecodeRequest(t *testing.T) {
	var r jobs.Request
	err := r.Decode([]byte(` {"lookback":"30d","accounts":["detroit"],"priority":"low"} `))
	if err != nil || string(r.Params) != `{"lookback":"30d"}` || len(r.Accounts) != 1 || r.Accounts[0] != "detroit" || r.Priority != jobs.Low {
		t.Errorf("got %+v, %v", r, err)
	}
	for _, empty := range []string{"", " \n", "{}"} {
		r = jobs.Request{}
		if err := r.Decode([]byte(empty)); r.Params != nil || r.Accounts != nil || err != nil {
			t.Errorf("%q: got %+v, %v, want nothing", empty, r, err)
		}
	}
	for name, body := range map[string]string{
		"cut off": `{"lookback":"30`, "an array": `[1]`, "a word": `please`, "two objects": `{}{}`,
		"accounts of a wrong type": `{"accounts":"detroit"}`, "accounts of a wrong element": `{"accounts":[1]}`,
		"a priority of a wrong type": `{"priority":1}`,
	} {
		if err := r.Decode([]byte(body)); clients.AsError(err).Code != clients.CodeInvalid {
			t.Errorf("%s: got %v, want invalid", name, err)
		}
	}
}

func TestRunState(t *testing.T) {
	cases := map[string]struct {
		counts jobs.Counts
		want   jobs.State
	}{
		"no jobs":                      {jobs.Counts{}, jobs.Succeeded},
		"one still open":               {jobs.Counts{Total: 2, Succeeded: 1}, jobs.Running},
		"all succeeded":                {jobs.Counts{Total: 2, Succeeded: 2}, jobs.Succeeded},
		"one failed":                   {jobs.Counts{Total: 2, Succeeded: 1, Failed: 1}, jobs.Partial},
		"one dead":                     {jobs.Counts{Total: 2, Succeeded: 1, Dead: 1}, jobs.Partial},
		"one partial":                  {jobs.Counts{Total: 1, Partial: 1}, jobs.Partial},
		"one partial, the rest failed": {jobs.Counts{Total: 2, Partial: 1, Failed: 1}, jobs.Partial},
		"none succeeded":               {jobs.Counts{Total: 2, Failed: 1, Dead: 1}, jobs.Failed},
		"all cancelled":                {jobs.Counts{Total: 2, Cancelled: 2}, jobs.Cancelled},
	}
	for name, c := range cases {
		if got := c.counts.State(); got != c.want {
			t.Errorf("%s: got %s, want %s", name, got, c.want)
		}
	}
}

func TestValidCallerTraceIsUsedElseANewOneStarts(t *testing.T) {
	const theirs = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00"
	trace := func(parent string) string {
		r := sync(`{}`)
		r.Traceparent = parent
		run, _, err := jobs.Plan(r, targets(t), now)
		if err != nil {
			t.Fatal(err)
		}
		if failed := jobs.NewFailed(r, errors.New("unreadable"), now); (failed.Traceparent == parent) != (run.Traceparent == parent) {
			t.Errorf("%q: failed run has trace %q, planned run %q", parent, failed.Traceparent, run.Traceparent)
		}
		return run.Traceparent
	}
	if got := trace(theirs); got != theirs {
		t.Errorf("got %q, want the caller's %q", got, theirs)
	}
	for name, wrong := range map[string]string{
		"nothing":          "",
		"plain text":       "nonsense",
		"too long":         theirs + "0",
		"very long":        theirs + strings.Repeat("-0", 5000),
		"another version":  "01" + theirs[2:],
		"capitals":         strings.ToUpper(theirs),
		"no trace":         "00-00000000000000000000000000000000-00f067aa0ba902b7-00",
		"no parent":        "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-00",
		"a space in an id": "00-4bf92f3577b34da6 3ce929d0e0e4736-00f067aa0ba902b7-00",
		"a newline":        theirs[:54] + "\n",
		"wrong separators": "00-4bf92f3577b34da6a3ce929d0e0e47-3600f067aa0ba902b7-00",
		"one part":         "00-4bf92f3577b34da6a3ce929d0e0e4736a00f067aa0ba902b7a00",
	} {
		got := trace(wrong)
		if got == wrong || len(got) != len(theirs) || !strings.HasPrefix(got, "00-") || strings.HasPrefix(got, theirs[:35]) {
			t.Errorf("%s: got %q for %.80q, want a new trace", name, got, wrong)
		}
	}
}

// A published time equals the stored one.
func TestTimesAreMillisecondsInUTC(t *testing.T) {
	precise := now.Add(1_999_999).In(time.FixedZone("", 3600))
	want := now.Add(time.Millisecond)
	run, planned, err := jobs.Plan(sync(`{}`), targets(t), precise)
	if err != nil {
		t.Fatal(err)
	}
	refused, _, err := jobs.Plan(jobs.Request{Provider: "unknown"}, targets(t), precise)
	if err == nil {
		t.Fatal("got no error for an unknown provider")
	}
	unreadable := jobs.NewFailed(sync(`{}`), errors.New("unreadable"), precise)
	got := []time.Time{
		run.RequestedAt, planned[0].FirstAt, refused.RequestedAt, *refused.StartedAt, *refused.FinishedAt,
		unreadable.RequestedAt, *unreadable.StartedAt, *unreadable.FinishedAt,
	}
	for i, at := range got {
		if at != want { // Equal ignores the zone
			t.Errorf("time %d: got %s, want %s", i, at, want)
		}
	}
}

func TestChildTraceKeepsTheTraceOfItsRun(t *testing.T) {
	run, _, err := jobs.Plan(sync(`{}`), targets(t), now)
	if err != nil {
		t.Fatal(err)
	}
	if len(run.Traceparent) != 55 {
		t.Errorf("got run trace %q, want a W3C traceparent", run.Traceparent)
	}
	a, b := jobs.ChildTraceparent(run.Traceparent, "a"), jobs.ChildTraceparent(run.Traceparent, "b")
	if a[:35] != run.Traceparent[:35] || a == b || len(a) != 55 || a[52:] != "-01" {
		t.Errorf("got children %q and %q of %q, want the same trace and different spans", a, b, run.Traceparent)
	}
	theirs := "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00"
	if got := jobs.ChildTraceparent(theirs, "x"); got[:35] != theirs[:35] || got[52:] != "-00" {
		t.Errorf("got %q, want the caller's trace %q and its flags", got, theirs)
	}
	if got := jobs.ChildTraceparent("nonsense", "x"); got != "" {
		t.Errorf("got %q for an invalid context, want none", got)
	}
}
