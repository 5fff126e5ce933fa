package clients_test

import (
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"orderbeat/clients"
)

// parts makes schedule lines from words such as "confirmed 2 on 2026-01-20".
func parts(t *testing.T, words ...string) (schedule []clients.ScheduleLine) {
	t.Helper()
	for _, w := range words {
		var s clients.ScheduleLine
		amounts, day, _ := strings.Cut(w, " on ")
		s.DeliveryOn = clients.Date(day)
		for a := range strings.FieldsSeq(amounts) {
			name, n, _ := strings.Cut(a, "=")
			into := map[string]*clients.Quantity{
				"confirmed": &s.Confirmed, "backordered": &s.Backordered, "cancelled": &s.Cancelled,
				"scheduled": &s.Scheduled, "open": &s.Open, "shipped": &s.Shipped,
			}[name]
			if err := into.UnmarshalJSON([]byte(n)); err != nil {
				t.Fatal(err)
			}
		}
		schedule = append(schedule, s)
	}
	return schedule
}

func TestLineStatusAndPromise(t *testing.T) {
	for name, c := range map[string]struct {
		parts    []string
		status   clients.Status
		promised clients.Date
	}{
		"nothing is told":                          {nil, clients.StatusUnknown, ""},
		"only a date is told":                      {[]string{" on 2026-01-20"}, clients.StatusUnknown, "2026-01-20"},
		"backordered":                              {[]string{"backordered=2"}, clients.StatusBackordered, ""},
		"open":                                     {[]string{"open=2 on 2026-01-20"}, clients.StatusOpen, "2026-01-20"},
		"confirmed":                                {[]string{"confirmed=2 on 2026-01-20"}, clients.StatusConfirmed, "2026-01-20"},
		"scheduled":                                {[]string{"scheduled=2 on 2026-01-20"}, clients.StatusScheduled, "2026-01-20"},
		"backordered is worse than open":           {[]string{"open=1", "backordered=1"}, clients.StatusBackordered, ""},
		"open is worse than confirmed":             {[]string{"confirmed=1", "open=1"}, clients.StatusOpen, ""},
		"confirmed is worse than scheduled":        {[]string{"scheduled=1", "confirmed=1"}, clients.StatusConfirmed, ""},
		"shipped and waiting":                      {[]string{"shipped=1 on 2026-01-18", "backordered=1"}, clients.StatusPartiallyShipped, ""},
		"shipped and waiting in one schedule line": {[]string{"shipped=1 confirmed=1 on 2026-01-18"}, clients.StatusPartiallyShipped, "2026-01-18"},
		"shipped":                                  {[]string{"shipped=2 on 2026-01-18"}, clients.StatusShipped, "2026-01-18"},
		"shipped and cancelled":                    {[]string{"shipped=1 on 2026-01-18", "cancelled=1 on 2026-01-25"}, clients.StatusShipped, "2026-01-25"},
		"cancelled":                                {[]string{"cancelled=2 on 2026-01-25"}, clients.StatusCancelled, "2026-01-25"},
		"zero does not wait":                       {[]string{"shipped=2 on 2026-01-18", "backordered=0"}, clients.StatusShipped, "2026-01-18"},
		"zero of everything ordered cancels nothing": {[]string{"confirmed=0"}, clients.StatusUnknown, ""},
		"the latest of what waits":                   {[]string{"open=1 on 2026-02-01", "scheduled=1 on 2026-01-20", "shipped=1 on 2026-03-01"}, clients.StatusPartiallyShipped, "2026-02-01"},
		"a part that waits has no date":              {[]string{"open=1 on 9999-12-31", "open=1 on 2026-01-20"}, clients.StatusOpen, ""},
		"days that never come":                       {[]string{"open=1 on 9999-09-09", "cancelled=1 on 2999-12-31"}, clients.StatusOpen, ""},
	} {
		t.Run(name, func(t *testing.T) {
			o := clients.Order{Lines: []clients.Line{{LineID: "1", Ordered: clients.Pieces(2), Schedule: parts(t, c.parts...)}}}
			o.Normalize()
			l := o.Lines[0]
			if l.Status != c.status || l.PromisedOn != c.promised {
				t.Errorf("got %s promised on %q, want %s on %q", l.Status, l.PromisedOn, c.status, c.promised)
			}
			if o.Status != l.Status || o.PromisedOn != l.PromisedOn {
				t.Errorf("the order of this one line is %s promised on %q, want the same", o.Status, o.PromisedOn)
			}
		})
	}
}

func TestOrderStatusAndPromise(t *testing.T) {
	line := func(status clients.Status, promised clients.Date) clients.Line {
		return clients.Line{Status: status, PromisedOn: promised}
	}
	for name, c := range map[string]struct {
		lines    []clients.Line
		status   clients.Status
		promised clients.Date
	}{
		"no lines":                            {nil, clients.StatusUnknown, ""},
		"the worst of what waits":             {[]clients.Line{line("scheduled", "2026-01-20"), line("confirmed", "2026-01-21")}, clients.StatusConfirmed, "2026-01-21"},
		"one line shipped, one waits":         {[]clients.Line{line("shipped", "2026-03-01"), line("open", "2026-01-21")}, clients.StatusPartiallyShipped, "2026-01-21"},
		"one line delivered, one waits":       {[]clients.Line{line("delivered", "2026-03-01"), line("open", "")}, clients.StatusPartiallyShipped, ""},
		"one line partly shipped":             {[]clients.Line{line("partially_shipped", "2026-01-21"), line("cancelled", "2026-02-01")}, clients.StatusPartiallyShipped, "2026-01-21"},
		"shipped and cancelled":               {[]clients.Line{line("shipped", "2026-01-20"), line("cancelled", "2026-01-21")}, clients.StatusShipped, "2026-01-21"},
		"shipped and delivered":               {[]clients.Line{line("shipped", "2026-01-20"), line("delivered", "2026-01-19")}, clients.StatusShipped, "2026-01-20"},
		"delivered and cancelled":             {[]clients.Line{line("delivered", "2026-01-20"), line("cancelled", "")}, clients.StatusDelivered, "2026-01-20"},
		"all cancelled":                       {[]clients.Line{line("cancelled", "2026-01-20"), line("cancelled", "")}, clients.StatusCancelled, "2026-01-20"},
		"a line says nothing, another waits":  {[]clients.Line{line("", ""), line("scheduled", "2026-01-20")}, clients.StatusScheduled, "2026-01-20"},
		"a line says nothing, the rest ended": {[]clients.Line{line("", ""), line("shipped", "2026-01-20")}, clients.StatusUnknown, "2026-01-20"},
	} {
		t.Run(name, func(t *testing.T) {
			o := clients.Order{Lines: c.lines}
			o.Normalize()
			if o.Status != c.status || o.PromisedOn != c.promised {
				t.Errorf("got %s promised on %q, want %s on %q", o.Status, o.PromisedOn, c.status, c.promised)
			}
		})
	}
}

func TestDeliveredIsKept(t *testing.T) {
	o := clients.Order{Lines: []clients.Line{{Status: clients.StatusDelivered, Schedule: parts(t, "shipped=2 on 2026-01-18")}}}
	o.Normalize()
	if o.Lines[0].Status != clients.StatusDelivered || o.Status != clients.StatusDelivered {
		t.Errorf("got line %s and order %s, want delivered", o.Lines[0].Status, o.Status)
	}
}

func TestQuantities(t *testing.T) {
	o := clients.Order{Lines: []clients.Line{
		{LineID: "1", Ordered: clients.Pieces(6), Schedule: parts(t, "shipped=1 cancelled=0", "shipped=2", "open=3")},
		{LineID: "2", Ordered: clients.Pieces(2), Schedule: parts(t, "cancelled=2")},
		{LineID: "3", Schedule: []clients.ScheduleLine{{Ordered: clients.Pieces(1)}, {Ordered: clients.Pieces(2)}}},
		{LineID: "4", Despatches: []clients.Despatch{{Quantity: clients.Pieces(4)}, {}}},
		{LineID: "5", Amounts: clients.Amounts{Open: clients.Pieces(5)}, PromisedOn: "2026-01-20"},
	}}
	o.Normalize()
	type sums struct{ Ordered, Shipped, Cancelled, Open string }
	var got []sums
	for _, l := range o.Lines {
		got = append(got, sums{l.Ordered.String(), l.Shipped.String(), l.Cancelled.String(), l.Open.String()})
	}
	want := []sums{{"6", "3", "0", "3"}, {"2", "-", "2", "-"}, {"3", "-", "-", "-"}, {"-", "4", "-", "-"}, {"-", "-", "-", "5"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("sums differ (-want +got):\n%s", diff)
	}
	order := [3]clients.Quantity{o.OrderedQuantity, o.ShippedQuantity, o.OpenQuantity}
	if want := [3]clients.Quantity{clients.Pieces(11), clients.Pieces(7), clients.Pieces(2)}; order != want {
		t.Errorf("got ordered, shipped, open %v, want %v", order, want)
	}
	if l := o.Lines[4]; l.Status != clients.StatusOpen || l.PromisedOn != "2026-01-20" {
		t.Errorf("the line without schedule lines is %s on %q, want open on its own date", l.Status, l.PromisedOn)
	}
}

func TestOrderWithoutAQuantity(t *testing.T) {
	var o clients.Order
	o.Normalize()
	if o.OrderedQuantity.Known || o.OpenQuantity.Known || o.ShippedQuantity != clients.Pieces(0) {
		t.Errorf("got ordered %v, shipped %v, open %v; want -, 0, -", o.OrderedQuantity, o.ShippedQuantity, o.OpenQuantity)
	}
	if o.Lines == nil {
		t.Error("got no list of lines, want an empty one")
	}
}

func TestCanonicalForm(t *testing.T) {
	o := clients.Order{
		Reference: "  ", Method: " EDI PO ", OrderedOn: "9999-12-31", Unmapped: []string{"b: 2", "a: 1", "b: 2"},
		Lines: []clients.Line{{LineID: " 003 ", RequestedOn: "2999-12-31", Despatches: []clients.Despatch{
			{DespatchedOn: "2026-01-19"}, {DespatchedOn: "9999-09-09", AdviceID: " B "}, {DespatchedOn: "2026-01-19", AdviceID: "A"},
		}}, {}, {LineID: "001"}},
	}
	o.Normalize()
	want := clients.Order{
		Method: "EDI PO", Status: clients.StatusUnknown, ShippedQuantity: clients.Pieces(0), Unmapped: []string{"a: 1", "b: 2"},
		Lines: []clients.Line{
			{LineID: "001", Status: clients.StatusUnknown, Schedule: []clients.ScheduleLine{}, Despatches: []clients.Despatch{}},
			{LineID: "003", Status: clients.StatusUnknown, Schedule: []clients.ScheduleLine{}, Despatches: []clients.Despatch{
				{AdviceID: "B"}, {DespatchedOn: "2026-01-19"}, {DespatchedOn: "2026-01-19", AdviceID: "A"},
			}},
			{LineID: "2", Status: clients.StatusUnknown, Schedule: []clients.ScheduleLine{}, Despatches: []clients.Despatch{}},
		},
	}
	if diff := cmp.Diff(want, o); diff != "" {
		t.Errorf("the order differs (-want +got):\n%s", diff)
	}
}

func TestLinesThatShareAnID(t *testing.T) {
	a, b, c := clients.Line{LineID: "1", ArticleID: "a"}, clients.Line{LineID: "1", ArticleID: "b"}, clients.Line{LineID: "1~2", ArticleID: "c"}
	want := map[clients.Text]string{"a": "1", "b": "1~3", "c": "1~2"}
	for _, lines := range [][]clients.Line{{a, b, c, a}, {c, b, b, a}, {b, a, a, c}} {
		o := clients.Order{Lines: lines}
		o.Normalize()
		got := map[clients.Text]string{}
		for _, l := range o.Lines {
			got[l.ArticleID] = l.LineID
		}
		if diff := cmp.Diff(want, got); diff != "" || len(o.Lines) != 3 {
			t.Errorf("%d lines, ids differ (-want +got):\n%s", len(o.Lines), diff)
		}
	}
}

func TestNormalizeIsIdempotentAndIndependentOfOrder(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 500 {
		o := randomOrder(r)
		shuffled := shuffle(r, o)
		o.Normalize()
		once := shuffle(r, o)
		shuffled.Normalize()
		if diff := cmp.Diff(o, shuffled); diff != "" {
			t.Fatalf("another order of its arrays makes another order (-want +got):\n%s", diff)
		}
		once.Normalize()
		if diff := cmp.Diff(o, once); diff != "" {
			t.Fatalf("normalizing twice makes another order (-once +twice):\n%s", diff)
		}
	}
}

func TestSchedulesSortByEveryField(t *testing.T) {
	visit(reflect.TypeFor[clients.ScheduleLine](), "", nil, func(name string, index [][]int) {
		plain, other := sampleOrder().Lines[0].Schedule[0], sampleOrder().Lines[0].Schedule[0]
		alter(reflect.ValueOf(&other).Elem().FieldByIndex(index[0]))
		a := clients.Order{Lines: []clients.Line{{Schedule: []clients.ScheduleLine{plain, other}}}}
		b := clients.Order{Lines: []clients.Line{{Schedule: []clients.ScheduleLine{other, plain}}}}
		a.Normalize()
		b.Normalize()
		if changes := clients.Diff(&a, &b, nil); len(changes) > 0 {
			t.Errorf("%s: the order of schedule lines makes a change: %+v", name, changes)
		}
	})
}

// A mapping may know of an order no more than its state.
func TestOrderWithoutLinesKeepsItsMappedStatus(t *testing.T) {
	for name, c := range map[string]struct{ given, want clients.Order }{
		"a state": {
			clients.Order{Status: clients.StatusScheduled, PromisedOn: "2026-01-31"},
			clients.Order{Status: clients.StatusScheduled, PromisedOn: "2026-01-31", NextPromisedOn: "2026-01-31", ShippedQuantity: clients.Pieces(0)},
		},
		"nothing": {clients.Order{}, clients.Order{Status: clients.StatusUnknown, ShippedQuantity: clients.Pieces(0)}},
		"quantities, and no real date": {
			clients.Order{Status: clients.StatusOpen, OrderedQuantity: clients.Pieces(5), ShippedQuantity: clients.Pieces(2), PromisedOn: "9999-12-31"},
			clients.Order{Status: clients.StatusOpen, OrderedQuantity: clients.Pieces(5), ShippedQuantity: clients.Pieces(2), OpenQuantity: clients.Pieces(3)},
		},
		"an open quantity of its own": {
			clients.Order{OrderedQuantity: clients.Pieces(5), OpenQuantity: clients.Pieces(4)},
			clients.Order{Status: clients.StatusUnknown, OrderedQuantity: clients.Pieces(5), ShippedQuantity: clients.Pieces(0), OpenQuantity: clients.Pieces(4)},
		},
	} {
		o := c.given
		for range 2 { // normalizing twice changes nothing
			o.Normalize()
		}
		c.want.Lines = []clients.Line{}
		if diff := cmp.Diff(c.want, o); diff != "" {
			t.Errorf("%s: the order differs (-want +got):\n%s", name, diff)
		}
	}
}
