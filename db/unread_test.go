package db_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"orderbeat/clients"
	"orderbeat/db"
	"orderbeat/db/dbtest"
	"orderbeat/db/documents"
	"orderbeat/db/orders"
)

// without is an order with a changed first line, normalized.
func without(unread clients.Unread, change func(o *clients.Order, l *clients.Line)) clients.Order {
	o := dbtest.Order("SO1", false)
	l := &o.Lines[0]
	l.Unread = unread
	change(&o, l)
	o.Status, o.Unmapped = "", []string{"a: b"}
	o.Normalize()
	return o
}

func stored(t *testing.T, d *db.DB) orders.StoredOrder {
	t.Helper()
	o, found, err := d.Order(t.Context(), "michelin", "detroit", "SO1")
	if err != nil || !found {
		t.Fatal(found, err)
	}
	return o
}

func TestUnreadableFieldsKeepTheirStoredValues(t *testing.T) {
	for name, c := range map[string]struct {
		next clients.Order
		want func(o *clients.Order) // differences from the stored order
	}{
		"a promise": {without(clients.UnreadSchedule, func(_ *clients.Order, l *clients.Line) { l.Schedule[0].DeliveryOn = "" }), func(*clients.Order) {}},
		"a quantity of a schedule line": {without(clients.UnreadSchedule, func(_ *clients.Order, l *clients.Line) {
			l.Schedule[0].Amounts = clients.Amounts{}
		}), func(*clients.Order) {}},
		"all of a schedule": {without(clients.UnreadSchedule, func(_ *clients.Order, l *clients.Line) { l.Schedule, l.Amounts = nil, clients.Amounts{} }), func(*clients.Order) {}},
		"what was ordered": {without(clients.UnreadOrdered, func(_ *clients.Order, l *clients.Line) {
			l.Ordered, l.Schedule[0].Ordered = clients.Quantity{}, clients.Quantity{}
		}), func(o *clients.Order) { o.Lines[0].Schedule[0].Ordered = clients.Quantity{} }},
		"a line": {without(clients.UnreadLine, func(_ *clients.Order, l *clients.Line) {
			*l = clients.Line{LineID: l.LineID, Unread: l.Unread}
		}), func(*clients.Order) {}},
		"a line without a readable id": {without(0, func(o *clients.Order, _ *clients.Line) {
			o.Lines, o.Unread = o.Lines[1:], clients.UnreadLines
		}), func(*clients.Order) {}},
		"the order's own": {without(0, func(o *clients.Order, _ *clients.Line) {
			o.OrderedOn, o.Reference, o.Method = "", "", ""
			o.Unread = clients.UnreadOrderedOn | clients.UnreadReference | clients.UnreadMethod
		}), func(*clients.Order) {}},
		"one value beside one that changed": {without(clients.UnreadRequestedOn, func(o *clients.Order, l *clients.Line) {
			l.RequestedOn, l.Schedule[0].DeliveryOn, o.Lines[1].EAN = "", "2026-11-25", ""
		}), func(o *clients.Order) {
			o.Lines[0].Schedule[0].DeliveryOn, o.Lines[1].EAN = "2026-11-25", ""
		}},
		"nothing: NULL is NULL": {without(0, func(_ *clients.Order, l *clients.Line) { l.RequestedOn = "" }), func(o *clients.Order) { o.Lines[0].RequestedOn = "" }},
	} {
		t.Run(name, func(t *testing.T) {
			d := dbtest.Open(t)
			want := dbtest.Order("SO1", false)
			c.want(&want)
			want.Status = ""
			want.Normalize()
			dbtest.Observe(t, d, dbtest.Noon, dbtest.Order("SO1", false))
			for i := range 2 { // no change the second time
				committed := dbtest.Observe(t, d, dbtest.Noon.Add(time.Duration(i+1)*time.Hour), c.next)
				if i > 0 && committed.Tally.Changed > 0 {
					t.Errorf("the same again is a change")
				}
			}
			got := stored(t, d)
			if diff := cmp.Diff([]string{"a: b"}, got.Unmapped); diff != "" {
				t.Errorf("unmapped (-want +got):\n%s", diff)
			}
			got.Unmapped = nil
			if diff := cmp.Diff(want, got.Order); diff != "" {
				t.Errorf("stored (-want +got):\n%s", diff)
			}
			revision := 2
			if before := dbtest.Order("SO1", false); cmp.Equal(before, want) {
				revision = 1
			}
			if got.Revision != revision {
				t.Errorf("got revision %d, want %d", got.Revision, revision)
			}
		})
	}
}

func TestUnmappedIsOfTheLastResponse(t *testing.T) {
	d := dbtest.Open(t)
	for i, unmapped := range [][]string{{"a: b"}, {"a: c"}, {"a: c"}, nil, {"a: b", "d: e"}} {
		o := dbtest.Order("SO1", false)
		o.Unmapped = unmapped
		dbtest.Observe(t, d, dbtest.Noon.Add(time.Duration(i)*time.Hour), o)
		if got := stored(t, d); got.Revision != 1 || strings.Join(got.Unmapped, " ") != strings.Join(unmapped, " ") {
			t.Errorf("answer %d: got %q in revision %d, want %q in revision 1", i, got.Unmapped, got.Revision, unmapped)
		}
	}
	if got := story(t, d, "SO1"); got != "created" {
		t.Errorf("got %q, want no event of what could not be read", got)
	}
}

func TestUnreadableDocumentFieldsKeepTheirStoredValues(t *testing.T) {
	d := dbtest.Open(t)
	dbtest.Observe(t, d, dbtest.Noon, dbtest.Order("SO1", false))
	advise(t, d, dbtest.Noon, advice("BOL1", "SO1"))
	bill(t, d, dbtest.Noon, invoice("1", "SO1"))
	a, i := advice("BOL1", "SO1"), invoice("1", "SO1")
	a.DespatchedOn, a.Quantity, a.Lines, a.Carrier = "", clients.Quantity{}, nil, ""
	a.Unread, a.Unmapped = clients.UnreadDates|clients.UnreadQuantity|clients.UnreadContent|clients.UnreadParties, []string{"despatchDate: soon"}
	i.TotalAmount, i.DueOn, i.Type, i.Lines[0].NetAmount = "", "", clients.InvoiceUnknown, ""
	i.Unread, i.Unmapped = clients.UnreadTerms|clients.UnreadDates|clients.UnreadContent, []string{"summary.totalAmount: much"}
	a.Normalize()
	i.Normalize()
	later := dbtest.Noon.Add(time.Hour)
	advise(t, d, later, a)
	bill(t, d, later, i)
	docs, err := d.Documents(t.Context(), "michelin", "detroit", "SO1")
	if err != nil || len(docs.Advices) != 1 || len(docs.Invoices) != 1 {
		t.Fatal(docs, err)
	}
	wantAdvice, wantInvoice := advice("BOL1", "SO1"), invoice("1", "SO1")
	wantAdvice.Unmapped, wantInvoice.Unmapped = a.Unmapped, i.Unmapped
	if diff := cmp.Diff(documents.OrderDocuments{Advices: []clients.Advice{wantAdvice}, Invoices: []clients.Invoice{wantInvoice}}, docs); diff != "" {
		t.Errorf("documents (-want +got):\n%s", diff)
	}
	// When they become readable, nothing is unmapped and there is no event.
	advise(t, d, later.Add(time.Hour), advice("BOL1", "SO1"))
	bill(t, d, later.Add(time.Hour), invoice("1", "SO1"))
	docs, err = d.Documents(t.Context(), "michelin", "detroit", "SO1")
	if err != nil || len(docs.Advices[0].Unmapped)+len(docs.Invoices[0].Unmapped) > 0 {
		t.Errorf("got %+v and %v, want nothing unmapped", docs, err)
	}
	if got := story(t, d, "SO1"); got != "created despatched invoiced" {
		t.Errorf("got %q, want no event of what could not be read", got)
	}
}
