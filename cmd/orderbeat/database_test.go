package main // an inside test: a main package cannot be imported

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"orderbeat/clients"
	"orderbeat/cmd/orderbeat/cli"
	"orderbeat/db"
	"orderbeat/db/orders"
	"orderbeat/db/outbox"
	"orderbeat/db/runs"
	"orderbeat/jobs"
)

// noon is the time of the first sync in these tests.
var noon = time.Date(2024, 11, 18, 12, 0, 0, 0, time.UTC)

// keeper fills a database as a worker does.
type keeper struct {
	t  *testing.T
	db *db.DB
}

// newDatabase creates the database of the configuration at path.
func newDatabase(t *testing.T, path string) keeper {
	t.Helper()
	database, err := db.Open(t.Context(), db.Options{Path: filepath.Join(filepath.Dir(path), "data", "orderbeat.db"), Synchronous: "normal"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = database.Close() })
	return keeper{t, database}
}

// run plans a sync of two accounts at a time, and ends its jobs with outcomes.
func (k keeper) run(at time.Time, outcomes map[string]jobs.Outcome) jobs.Run {
	k.t.Helper()
	targets := map[string]jobs.Target{"michelin": {
		Traits:   clients.Traits{MaxWindowDays: 90, MaxReferences: 50},
		Accounts: []clients.Account{{Name: "detroit"}, {Name: "toledo"}},
	}}
	request := jobs.Request{Provider: "michelin", Kind: "sync", Trigger: "api", Params: json.RawMessage(`{"from":"2024-11-01","to":"2024-11-18"}`)}
	run, js, err := jobs.Plan(request, targets, at)
	if err != nil {
		k.t.Fatal(err)
	}
	if _, _, err := k.db.StartRun(k.t.Context(), run, js); err != nil {
		k.t.Fatal(err)
	}
	for _, job := range js {
		o := outcomes[job.Account]
		o.Job, o.AskedAt, o.FinishedAt = job, at.Add(time.Second), at.Add(2*time.Second)
		if _, err := k.db.Commit(k.t.Context(), o); err != nil {
			k.t.Fatal(err)
		}
	}
	return run
}

// order is an order of three pieces, of which shipped have left.
func order(account, id, reference string, shipped int64) clients.Order {
	o := clients.Order{
		Provider: "michelin", Account: account, OrderID: id, Reference: clients.Text(reference), OrderedOn: "2024-11-10",
		Lines: []clients.Line{{
			LineID: "001", ArticleID: "12345", Description: "265/70R17 SAMPLE\x1b[31m TREAD", RequestedOn: "2024-11-12", Ordered: clients.Pieces(3),
			Schedule: []clients.ScheduleLine{{
				DeliveryOn: "2024-11-15",
				Amounts:    clients.Amounts{Scheduled: clients.Pieces(3 - shipped), Shipped: clients.Pieces(shipped)},
			}},
		}},
	}
	if shipped > 0 {
		o.Lines[0].Despatches = []clients.Despatch{{DespatchedOn: "2024-11-14", AdviceID: "BOL9", Quantity: clients.Pieces(shipped)}}
	}
	o.Normalize()
	return o
}

// furnished is a configuration whose database has two runs and three orders. In the second
// run one order changed, and one account failed.
func furnished(t *testing.T) (path string, second jobs.Run) {
	t.Helper()
	path = writeConfig(t, "")
	k := newDatabase(t, path)
	k.run(noon, map[string]jobs.Outcome{
		"detroit": {State: jobs.Succeeded, Orders: []clients.Order{order("detroit", "SO1", "PO-7", 0), order("detroit", "SO2", "PO-8", 3)}},
		"toledo":  {State: jobs.Succeeded, Orders: []clients.Order{order("toledo", "SO3", "PO-7", 0)}},
	})
	second = k.run(noon.Add(time.Hour), map[string]jobs.Outcome{
		"detroit": {State: jobs.Succeeded, Orders: []clients.Order{order("detroit", "SO1", "PO-7", 2)}},
		"toledo":  {State: jobs.Failed, Err: &clients.Error{Provider: "michelin", Op: "order status", Code: clients.CodeForbidden, Message: "not yours", Hint: "check bill_to"}},
	})
	return path, second
}

func TestOrders(t *testing.T) {
	path, _ := furnished(t)
	for _, test := range []struct {
		name string
		args []string
		want []string // order ids
	}{
		{"all", nil, []string{"SO1", "SO2", "SO3"}},
		{"open", []string{"--open"}, []string{"SO1", "SO3"}},
		{"late", []string{"--late"}, []string{"SO1", "SO3"}},
		{"of an account", []string{"--account", "toledo"}, []string{"SO3"}},
		{"of a status", []string{"--status", "shipped"}, []string{"SO2"}},
		{"with a reference", []string{"--reference", "PO-7"}, []string{"SO1", "SO3"}},
		{"changed since a day to come", []string{"--since", "2100-01-01"}, nil},
		{"changed since a day", []string{"--since", "2024-11-18"}, []string{"SO2", "SO3", "SO1"}},
		{"some", []string{"--limit", "2"}, []string{"SO1", "SO2"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := do(t, append([]string{"orders", "--json", "--config", path}, test.args...)...)
			var reply struct {
				Orders []struct {
					OrderID  string `json:"order_id"`
					Revision int    `json:"revision"`
				} `json:"orders"`
			}
			if err := json.Unmarshal([]byte(got.stdout), &reply); err != nil || got.status != cli.Done {
				t.Fatalf("status %d, %v: %s", got.status, err, got.stderr)
			}
			var ids []string
			for _, o := range reply.Orders {
				ids = append(ids, o.OrderID)
				if o.Revision == 0 {
					t.Errorf("order %s has no revision", o.OrderID)
				}
			}
			if diff := cmp.Diff(test.want, ids); diff != "" {
				t.Errorf("orders (-want +got):\n%s", diff)
			}
			if more := strings.Contains(got.stderr, "first 2 orders shown"); more != (test.name == "some") {
				t.Errorf("stderr: %q", got.stderr)
			}
		})
	}
}

func TestOrdersAsATable(t *testing.T) {
	path, _ := furnished(t)
	got := do(t, "orders", "--config", path)
	golden(t, "orders.txt", got.stdout)
	if got.status != cli.Done || got.stderr != "" {
		t.Errorf("status %d, stderr %q", got.status, got.stderr)
	}
}

// A name that is not configured is told apart from a filter that matches nothing.
func TestOrdersWithoutMatch(t *testing.T) {
	path, _ := furnished(t)
	for _, test := range []struct {
		args []string
		want result
	}{
		{[]string{"--account", "toledo", "--status", "cancelled"}, result{cli.Done, "", "no orders match\n"}},
		{[]string{"--account", "nobody"}, result{cli.Usage, "", "orderbeat: --account: \"nobody\" is not configured; configured: detroit, toledo\n"}},
		{[]string{"--provider", "shell"}, result{cli.Usage, "", "orderbeat: --provider: \"shell\" is not configured; configured: michelin\n"}},
	} {
		got := do(t, append([]string{"orders", "--config", path}, test.args...)...)
		if diff := cmp.Diff(test.want, got, cmp.AllowUnexported(result{})); diff != "" {
			t.Errorf("%q (-want +got):\n%s", test.args, diff)
		}
	}
	for _, list := range []string{"runs", "jobs", "exchanges", "alerts"} {
		if got := do(t, list, "--config", path, "--provider", "shell"); got.status != cli.Usage || !strings.Contains(got.stderr, `"shell" is not configured`) {
			t.Errorf("%s: got %+v, want a usage error", list, got)
		}
	}
}

// status and alerts need no worker.
func TestStatusWithoutAWorker(t *testing.T) {
	path, _ := furnished(t)
	got := do(t, "status", "--config", path)
	for _, want := range []string{
		"worker    no orderbeat worker responds at ", "orders    2 open, 2 late  orderbeat orders --late\n", "jobs      0 queued, 0 running, 0 waiting\n",
		"michelin  detroit  ", "forbidden", "1 alert\n", "forbidden  michelin/toledo: ", "\n  check bill_to\n",
	} {
		if !strings.Contains(got.stdout, want) {
			t.Errorf("status does not print %q:\n%s", want, got.stdout)
		}
	}
	if got.status != cli.Done {
		t.Errorf("got status %d: %s", got.status, got.stderr)
	}
	alerts := do(t, "alerts", "--config", path)
	if !strings.Contains(alerts.stdout, "raised    forbidden  michelin/toledo: ") || strings.Count(alerts.stdout, "\n") != 2 {
		t.Errorf("alerts prints %+v, want the alert of toledo with its hint", alerts)
	}
	if none := do(t, "alerts", "--config", path, "--code", "stale"); none.stdout != "" || none.stderr != "no alerts\n" {
		t.Errorf("got %+v, want no alert with this code", none)
	}
	providers := do(t, "providers", "--config", path)
	if !strings.Contains(providers.stdout, "michelin  toledo   ") || !strings.Contains(providers.stderr, "no orderbeat worker responds") {
		t.Errorf("providers prints %+v", providers)
	}
	var report struct {
		Worker string
		Alerts []struct{ Account string }
		Open   int `json:"open_orders"`
	}
	if err := json.Unmarshal([]byte(do(t, "status", "--json", "--config", path).stdout), &report); err != nil || report.Open != 2 || len(report.Alerts) != 1 || report.Alerts[0].Account != "toledo" {
		t.Errorf("status --json is %+v, %v", report, err)
	}
}

func TestOrdersAsCSV(t *testing.T) {
	path, _ := furnished(t)
	rows, err := csv.NewReader(strings.NewReader(do(t, "orders", "--csv", "--config", path).stdout)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"michelin", "detroit", "SO1", "PO-7", "2024-11-10", "", "partially_shipped", "3", "2", "1", "2024-11-15", "2024-11-15", "0", "2",
		"2024-11-18T12:00:01Z", "2024-11-18T13:00:01Z", "2024-11-18T13:00:01Z", "",
	}
	if diff := cmp.Diff(want, rows[1]); diff != "" || len(rows) != 4 || rows[0][2] != "order_id" {
		t.Errorf("%d rows, head %v, first (-want +got):\n%s", len(rows), rows[0], diff)
	}
}

func TestOrderShowsLinesAndTimeline(t *testing.T) {
	path, _ := furnished(t)
	got := do(t, "order", "SO1", "--config", path)
	if got.status != cli.Done {
		t.Fatal(got.stderr)
	}
	golden(t, "order.txt", got.stdout)
	byReference := do(t, "order", "PO-7", "--account", "detroit", "--config", path)
	if diff := cmp.Diff(got.stdout, byReference.stdout); diff != "" {
		t.Errorf("by reference (-by number +by reference):\n%s", diff)
	}
}

func TestOrderAsJSON(t *testing.T) {
	path, _ := furnished(t)
	var reply struct {
		Order  orders.StoredOrder `json:"order"`
		Events []outbox.Event     `json:"events"`
	}
	if err := json.Unmarshal([]byte(do(t, "order", "SO1", "--json", "--config", path).stdout), &reply); err != nil {
		t.Fatal(err)
	}
	if reply.Order.OrderID != "SO1" || reply.Order.Revision != 2 || len(reply.Events) != 2 {
		t.Errorf("got order %s revision %d with %d events", reply.Order.OrderID, reply.Order.Revision, len(reply.Events))
	}
}

func TestUnknownOrder(t *testing.T) {
	path, _ := furnished(t)
	none := do(t, "order", "PO-99", "--config", path)
	if none.status != cli.Failed || !strings.Contains(none.stderr, `order "PO-99" not found`) {
		t.Errorf("unknown: got %+v", none)
	}
	several := do(t, "order", "PO-7", "--config", path)
	if several.status != cli.Usage || !strings.Contains(several.stderr, "SO1") || !strings.Contains(several.stderr, "SO3") ||
		!strings.Contains(several.stderr, "give the whole order number, --account or --provider") {
		t.Errorf("several: got %+v", several)
	}
}

func TestRuns(t *testing.T) {
	path, second := furnished(t)
	got := do(t, "runs", "--config", path)
	lines := strings.Split(got.stdout, "\n")
	if got.status != cli.Done || len(lines) != 4 || !strings.HasPrefix(lines[1], second.ID) {
		t.Errorf("want two runs, %s first; got status %d:\n%s", second.ID, got.status, got.stdout)
	}
	golden(t, "runs.txt", hide(got.stdout))
	partial := do(t, "runs", "--state", "partial", "--config", path)
	if strings.Count(partial.stdout, "\n") != 2 || !strings.Contains(partial.stdout, second.ID) {
		t.Errorf("partial ones: got\n%s", partial.stdout)
	}
	none := do(t, "runs", "--kind", "fetch", "--config", path)
	if diff := cmp.Diff(result{cli.Done, "", "no runs match\n"}, none, cmp.AllowUnexported(result{})); diff != "" {
		t.Errorf("none (-want +got):\n%s", diff)
	}
}

func TestOneRunShowsItsJobs(t *testing.T) {
	path, second := furnished(t)
	got := do(t, "runs", second.ID, "--config", path)
	if got.status != cli.Done {
		t.Fatal(got.stderr)
	}
	golden(t, "run.txt", hide(got.stdout))
	var reply struct {
		Run  jobs.Run      `json:"run"`
		Jobs []runs.JobRow `json:"jobs"`
	}
	if err := json.Unmarshal([]byte(do(t, "runs", second.ID, "--json", "--config", path).stdout), &reply); err != nil {
		t.Fatal(err)
	}
	if reply.Run.State != jobs.Partial || len(reply.Jobs) != 2 {
		t.Errorf("--json: got %+v", reply)
	}
	none := do(t, "runs", "01X", "--config", path)
	if none.status != cli.Failed || !strings.Contains(none.stderr, `run "01X" not found`) {
		t.Errorf("unknown: got %+v", none)
	}
}

// hide replaces the ids of runs by a constant.
func hide(s string) string { return ulids.ReplaceAllString(s, "01JRUN00000000000000000000") }

func TestManyLargeOrdersArePrintedPageByPage(t *testing.T) {
	path := writeConfig(t, "")
	k := newDatabase(t, path)
	var large []clients.Order
	for i := range 9 {
		o := clients.Order{Provider: "michelin", Account: "detroit", OrderID: fmt.Sprintf("SO%d", i)}
		for n := range 1200 {
			o.Lines = append(o.Lines, clients.Line{LineID: fmt.Sprintf("%04d", n), ArticleID: "A<&>"})
		}
		large = append(large, o)
	}
	k.run(time.Date(2024, 11, 18, 12, 0, 0, 0, time.UTC), map[string]jobs.Outcome{"detroit": {State: jobs.Succeeded, Orders: large}, "toledo": {State: jobs.Succeeded}})

	for _, test := range []struct {
		limit, want int
		more        bool
	}{{8, 8, true}, {100, 9, false}} {
		limit := fmt.Sprint(test.limit)
		got := do(t, "orders", "--json", "--limit", limit, "--config", path)
		var reply struct {
			Orders []orders.StoredOrder `json:"orders"`
		}
		if err := json.Unmarshal([]byte(got.stdout), &reply); err != nil || len(reply.Orders) != test.want || len(reply.Orders[0].Lines) != 1200 {
			t.Errorf("limit %d: got %d orders, %v; want %d with their lines", test.limit, len(reply.Orders), err, test.want)
		}
		if more := strings.Contains(got.stderr, "there are more"); more != test.more {
			t.Errorf("limit %d: stderr %q", test.limit, got.stderr)
		}
		var again strings.Builder
		if err := cli.PrintJSON(&again, map[string]any{"orders": reply.Orders}); err != nil || again.String() != got.stdout {
			t.Errorf("limit %d: it is not indented as one document is (%v)", test.limit, err)
		}
		rows, err := csv.NewReader(strings.NewReader(do(t, "orders", "--csv", "--limit", limit, "--config", path).stdout)).ReadAll()
		if err != nil || len(rows) != test.want+1 || rows[test.want][2] != fmt.Sprintf("SO%d", test.want-1) {
			t.Errorf("limit %d: got %d rows, %v; want a head and %d", test.limit, len(rows), err, test.want)
		}
	}
}
