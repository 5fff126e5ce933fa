package reports_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"orderbeat/clients"
	"orderbeat/clients/exchange"
	"orderbeat/db"
	"orderbeat/db/dbtest"
	"orderbeat/db/exchanges"
	"orderbeat/db/queryplan"
	"orderbeat/db/reports"
)

func TestNoQueryReadsAWholeTable(t *testing.T) {
	queryplan.Check(t, dbtest.Blank(t), reports.Queries(), queryplan.Exceptions{
		Scan: []string{"orders", "orders, edge", "orders of an account", "orders of an account, edge", "orders by state", "orders by state, edge", "orders by number", "orders by number, edge", "order_events", "alerts", "outbox", "outbox counted"},
		Sort: []string{"search", "promises", "suppliers by provider", "suppliers by account", "suppliers by article", "suppliers by month"},
	})
}

// lines is an order of one line: 4 pieces, promised on a day, despatched on another one if not "".
func lines(id, article string, promised, despatched clients.Date) clients.Order {
	l := clients.Line{
		LineID: "001", ArticleID: clients.Text(article), Ordered: clients.Pieces(4),
		Schedule: []clients.ScheduleLine{{DeliveryOn: promised, Ordered: clients.Pieces(4), Amounts: clients.Amounts{Scheduled: clients.Pieces(4)}}},
	}
	if despatched != "" {
		l.Schedule[0].Amounts = clients.Amounts{Shipped: clients.Pieces(4)}
		l.Despatches = []clients.Despatch{{DespatchedOn: despatched, AdviceID: "B", Quantity: clients.Pieces(4)}}
	}
	o := clients.Order{Provider: "michelin", Account: "detroit", OrderID: id, Reference: clients.Text("PO-" + id), OrderedOn: "2026-11-01", Lines: []clients.Line{l}}
	o.Normalize()
	return o
}

// report commits orders as one job does.
func report(t *testing.T, d *db.DB, at time.Time, orders ...clients.Order) {
	t.Helper()
	_, jobs := dbtest.Start(t, d, 1)
	dbtest.Commit(t, d, dbtest.Succeeded(jobs[0], at, orders...))
}

func advance(t *testing.T, r *reports.Reports) {
	t.Helper()
	for {
		done, err := r.Advance(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if done {
			return
		}
	}
}

func TestSupplierPerformance(t *testing.T) {
	d := dbtest.Open(t)
	r := d.Reports()
	report(t, d, dbtest.Noon, lines("A", "1", "2026-11-24", ""), lines("B", "1", "2026-11-24", ""), lines("C", "2", "", ""), lines("D", "3", "2026-12-01", ""))
	advance(t, r)
	report(t, d, dbtest.Noon.Add(time.Hour), lines("A", "1", "2026-11-28", ""), lines("B", "1", "2026-11-20", ""), lines("C", "2", "2026-11-25", ""))
	advance(t, r)
	report(t, d, dbtest.Noon.Add(2*time.Hour), lines("A", "1", "2026-11-30", ""))
	report(t, d, dbtest.Noon.Add(3*time.Hour), lines("A", "1", "2026-11-30", "2026-11-29"), lines("B", "1", "2026-11-20", "2026-11-24"), lines("C", "2", "2026-11-30", "2026-11-26"))
	advance(t, r)
	advance(t, r) // nothing is counted twice
	got, more, err := r.Suppliers(t.Context(), reports.SupplierFilter{By: "article", From: "2026-11", Limit: 10})
	want := []reports.Performance{
		{Provider: "michelin", ArticleID: "1", Lines: 2, Slipped: 1, Moves: 3, SlipDays: 6, Despatched: 2, OnTime: 1, Late4to7: 1, DaysLate: 5, EndedOrdered: 8, EndedShipped: 8},
		{Provider: "michelin", ArticleID: "2", Lines: 1, Despatched: 1, Late1to3: 1, DaysLate: 1, EndedOrdered: 4, EndedShipped: 4},
		{Provider: "michelin", ArticleID: "3", Lines: 1},
	}
	if diff := cmp.Diff(want, got); diff != "" || more || err != nil {
		t.Errorf("more %v, err %v (-want +got):\n%s", more, err, diff)
	}
	got, more, err = r.Suppliers(t.Context(), reports.SupplierFilter{By: "month", From: "2026-01", Provider: "michelin", Account: "detroit", Limit: 1})
	if err != nil || !more || len(got) != 1 || got[0].Month != "2026-12" || got[0].Lines != 1 {
		t.Errorf("got %+v, more %v, %v, want december first", got, more, err)
	}
	view, err := d.Inspect().Value(t.Context(), `SELECT group_concat(article_id || ' ' || slipped_percent || ' ' || slip_days_avg || ' ' || on_time_percent || ' ' || fill_rate_percent) FROM supplier_performance WHERE article_id = '1' AND month = '2026-11'`)
	if err != nil || view != "1 50.0 6.0 50.0 100.0" {
		t.Errorf("supplier_performance: got %q, %v", view, err)
	}
	view, err = d.Inspect().Value(t.Context(), `SELECT group_concat(order_id || ' ' || line_id || ' ' || promised_before || ' ' || promised_after || ' ' || days_moved, char(10)) FROM promise_history WHERE order_id = 'A'`)
	if want := "A 001 2026-11-28 2026-11-30 2\nA 001 2026-11-24 2026-11-28 4"; err != nil || view != want {
		t.Errorf("promise_history: got %q, %v, want %q", view, err, want)
	}
}

func TestOrderLists(t *testing.T) {
	d := dbtest.Open(t)
	r := d.Reports()
	report(t, d, dbtest.Noon, lines("A", "1", "2026-11-24", ""), lines("B", "1", "2026-11-22", ""), lines("C", "1", "", ""), lines("D", "1", "2026-11-20", "2026-11-20"))
	report(t, d, dbtest.Noon.Add(time.Hour), lines("C", "1", "2099-01-01", ""))
	if _, err := d.AccountDate(t.Context(), "michelin", "detroit", "UTC", "2026-11-25"); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		filter reports.OrderFilter
		want   string
	}{
		"the latest change first":  {reports.OrderFilter{}, "C D B A"},
		"by number":                {reports.OrderFilter{Sort: reports.SortOrder}, "A B C D"},
		"by promise":               {reports.OrderFilter{Sort: reports.SortPromise}, "B A C"},
		"late":                     {reports.OrderFilter{Late: true}, "B A"},
		"of a status":              {reports.OrderFilter{Status: clients.StatusShipped}, "D"},
		"of an account":            {reports.OrderFilter{Provider: "michelin", Account: "detroit", Sort: reports.SortOrder}, "A B C D"},
		"of another account":       {reports.OrderFilter{Account: "toledo"}, ""},
		"changed since":            {reports.OrderFilter{ChangedSince: dbtest.Noon.Add(time.Minute)}, "C"},
		"by the start of a number": {reports.OrderFilter{Search: "A"}, "A"},
		"by a reference":           {reports.OrderFilter{Search: "PO-"}, "A B C D"},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for f := test.filter; ; {
				f.Limit = 1
				if f.Search != "" {
					f.Limit = 10
				}
				page, err := r.Orders(t.Context(), f)
				if err != nil {
					t.Fatal(err)
				}
				for _, o := range page.Orders {
					got = append(got, o.OrderID)
				}
				if f.Cursor = page.Cursor; f.Cursor == "" {
					break
				}
			}
			list := strings.Join(got, " ")
			if test.filter.Search == "PO-" { // changed in one transaction
				slices.Sort(got)
				list = strings.Join(got, " ")
			}
			if list != test.want {
				t.Errorf("got %s, want %s", list, test.want)
			}
		})
	}
	for _, cursor := range []string{"x", "W10", "WzEsMiwzLDRd", "W3t9LCIiLCIiLCIiXQ"} {
		if _, err := r.Orders(t.Context(), reports.OrderFilter{Cursor: cursor, Limit: 1}); err == nil && cursor != "WzEsMiwzLDRd" {
			t.Errorf("cursor %s is accepted", cursor)
		}
	}
}

func TestTimelineAndCounts(t *testing.T) {
	d := dbtest.Open(t)
	r := d.Reports()
	report(t, d, dbtest.Noon, lines("A", "1", "2026-11-24", ""))
	report(t, d, dbtest.Noon.Add(time.Hour), lines("A", "1", "2026-11-26", ""))
	revisions, err := r.Timeline(t.Context(), "michelin", "detroit", "A", 0, 10)
	if err != nil || len(revisions) != 2 || revisions[0].Revision != 2 || len(revisions[0].Changes) == 0 {
		t.Errorf("got %+v, %v, want two revisions, the latest first", revisions, err)
	}
	if revisions, err = r.Timeline(t.Context(), "michelin", "detroit", "A", 2, 10); err != nil || len(revisions) != 1 {
		t.Errorf("got %+v, %v, want the first revision", revisions, err)
	}
	promises, err := r.Promises(t.Context(), "michelin", "detroit", "A")
	if err != nil || len(promises) != 2 || promises[0].Latest != "2026-11-24" || promises[1].Earliest != "2026-11-26" {
		t.Errorf("got %+v, %v", promises, err)
	}
	counts, err := r.Counts(t.Context(), dbtest.Noon)
	if err != nil || counts.OpenOrders != 1 || counts.Outbox == 0 || counts.OutboxSince == nil {
		t.Errorf("got %+v, %v", counts, err)
	}
	advance(t, r)
	points, sum, err := r.Activity(t.Context(), dbtest.Noon.Add(-time.Hour), dbtest.Noon.Add(2*time.Hour))
	if err != nil || len(points) != 12 || sum.Changes != 2 || points[4].Changes != 1 || points[8].Changes != 1 {
		t.Errorf("got %+v, %+v, %v, want two changes an hour apart", points, sum, err)
	}
}

func TestExchangePages(t *testing.T) {
	d := dbtest.Open(t)
	r := d.Reports()
	_, list := dbtest.Start(t, d, 1)
	o := dbtest.Succeeded(list[0], dbtest.Noon)
	for _, code := range []string{"", "unavailable", ""} {
		o.Exchanges = append(o.Exchanges, exchange.Exchange{Op: "orders", Method: "GET", URL: "https://api.test/", Status: 200, StartedAt: dbtest.Noon, Code: code})
	}
	dbtest.Commit(t, d, o)
	for name, test := range map[string]struct {
		filter exchanges.ExchangeFilter
		want   int
	}{
		"all":                 {exchanges.ExchangeFilter{}, 3},
		"of the job":          {exchanges.ExchangeFilter{JobID: list[0].ID, Provider: "michelin"}, 3},
		"of the run":          {exchanges.ExchangeFilter{RunID: list[0].RunID}, 3},
		"failed":              {exchanges.ExchangeFilter{Failed: true, Account: list[0].Account}, 1},
		"of another provider": {exchanges.ExchangeFilter{Provider: "ptv"}, 0},
	} {
		got := 0
		for f := test.filter; ; {
			f.Limit = 1
			page, err := d.ExchangePage(t.Context(), f)
			if err != nil {
				t.Fatal(err)
			}
			got += len(page.Exchanges)
			if f.Before = page.Before; f.Before == 0 {
				break
			}
		}
		if got != test.want {
			t.Errorf("%s: got %d, want %d", name, got, test.want)
		}
	}
	advance(t, r)
	if _, sum, err := r.Activity(t.Context(), dbtest.Noon, dbtest.Noon.Add(time.Hour)); err != nil || sum.Calls != 3 || sum.Errors != 1 {
		t.Errorf("got %+v, %v, want three calls, one failed", sum, err)
	}
}
