package db_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"orderbeat/clients"
	"orderbeat/db"
	"orderbeat/db/dbtest"
	"orderbeat/db/documents"
	"orderbeat/db/orders"
	"orderbeat/db/outbox"
	"orderbeat/jobs"
)

// advice is a despatch advice with one bill of lading and four pieces of each order; "" is a line without
// an order id.
func advice(id string, orders ...clients.Text) clients.Advice {
	a := clients.Advice{
		Provider: "michelin", Account: "detroit", AdviceID: id, BillOfLading: clients.Text(id), IssuedOn: "2026-11-21", DespatchedOn: "2026-11-21",
		ExpectedOn: "2026-11-24", Carrier: "SMPA", Tracking: []string{"SAMPLE1", "SAMPLE2"}, ShipTo: "1234567",
	}
	for i, order := range orders {
		a.Lines = append(a.Lines, clients.AdviceLine{
			LineID: clients.Text(fmt.Sprint(i + 1)), OrderID: order, OrderLineID: "001", ArticleID: "A00000", Quantity: clients.Pieces(4),
		})
		a.Quantity = a.Quantity.Plus(clients.Pieces(4))
	}
	a.Normalize()
	return a
}

// invoice is an invoice for four pieces of each order.
func invoice(number string, orders ...clients.Text) clients.Invoice {
	i := clients.Invoice{
		Provider: "michelin", Account: "detroit", Number: number, Type: clients.InvoiceCommercial, InvoicedOn: "2026-11-22", DueOn: "2026-12-22",
		Currency: "USD", TotalAmount: "652.80", ShipTo: "1234567",
	}
	for n, order := range orders {
		i.Lines = append(i.Lines, clients.InvoiceLine{
			LineID: clients.Text(fmt.Sprint(n + 1)), OrderID: order, OrderLineID: "001", Reference: "PO-" + order, BillOfLading: "BOL1",
			ArticleID: "A00000", Quantity: clients.Pieces(4), UnitPrice: "163.20", NetAmount: "652.80", TotalAmount: "652.80",
		})
	}
	i.Normalize()
	return i
}

// outcome is the outcome of a job of the kind at a time; setDocuments sets its documents.
func outcome(tb testing.TB, d *db.DB, kind string, at time.Time, setDocuments func(*jobs.Outcome)) db.Committed {
	tb.Helper()
	run, js := dbtest.Plan(1)
	run.Kind, js[0].Kind = kind, kind
	if _, _, err := d.StartRun(tb.Context(), run, js); err != nil {
		tb.Fatal(err)
	}
	o := dbtest.Succeeded(js[0], at)
	setDocuments(&o)
	return dbtest.Commit(tb, d, o)
}

func advise(tb testing.TB, d *db.DB, at time.Time, list ...clients.Advice) db.Committed {
	tb.Helper()
	return outcome(tb, d, "despatch", at, func(o *jobs.Outcome) { o.Advices = list })
}

func bill(tb testing.TB, d *db.DB, at time.Time, list ...clients.Invoice) {
	tb.Helper()
	outcome(tb, d, "invoice", at, func(o *jobs.Outcome) { o.Invoices = list })
}

// story returns the history of an order, one word per revision, with the previous version of a document.
func story(tb testing.TB, d *db.DB, id string) string {
	tb.Helper()
	events, err := d.History(tb.Context(), "michelin", "detroit", id, 0, 100)
	if err != nil {
		tb.Fatal(err)
	}
	var words []string
	for i, e := range events {
		if e.Revision != i+1 || e.EventID != fmt.Sprintf("michelin.detroit.%s.%d", id, i+1) {
			tb.Errorf("event %d is revision %d, %s", i+1, e.Revision, e.EventID)
		}
		word := strings.TrimSuffix(strings.TrimPrefix(e.Type, "orderbeat.order."), ".v1")
		if (e.DespatchAdvice != nil) != (e.Type == outbox.TypeOrderDespatched) || (e.Invoice != nil) != (e.Type == outbox.TypeOrderInvoiced) {
			tb.Errorf("revision %d is %s with advice %s and invoice %s", e.Revision, e.Type, e.DespatchAdvice, e.Invoice)
		}
		if (e.DespatchAdvice != nil || e.Invoice != nil) && !strings.Contains(string(e.Changes), `"before":null`) {
			word += "(again)"
		}
		words = append(words, word)
	}
	o, found, err := d.Order(tb.Context(), "michelin", "detroit", id)
	if err != nil || found && o.Revision != len(events) {
		tb.Errorf("order %s is at revision %d with %d events, %v", id, o.Revision, len(events), err)
	}
	return strings.Join(words, " ")
}

func TestDocumentsAddRevisionsToTheirOrders(t *testing.T) {
	later, now := dbtest.Noon.Add(time.Hour), dbtest.Noon.Add(2*time.Hour)
	otherCarrier := advice("BOL1", "SO1")
	otherCarrier.Carrier = "SMPB"
	unreadable := advice("BOL1", "SO1")
	unreadable.Unmapped = []string{"despatchDate: soon"}
	credited := invoice("1", "SO1")
	credited.TotalAmount = "600.00"
	for name, c := range map[string]struct {
		steps func(*db.DB)
		want  string
	}{
		"an advice and an invoice after the order": {func(d *db.DB) {
			dbtest.Observe(t, d, dbtest.Noon, dbtest.Order("SO1", false))
			advise(t, d, later, advice("BOL1", "SO1"))
			bill(t, d, now, invoice("1", "SO1"))
		}, "created despatched invoiced"},
		"both before the order": {func(d *db.DB) {
			bill(t, d, dbtest.Noon, invoice("1", "SO1"))
			advise(t, d, later, advice("BOL1", "SO1"), advice("BOL0", "SO1"))
			dbtest.Observe(t, d, now, dbtest.Order("SO1", true))
		}, "created despatched despatched invoiced"},
		"the same again changes nothing": {func(d *db.DB) {
			dbtest.Observe(t, d, dbtest.Noon, dbtest.Order("SO1", false))
			for range 2 {
				advise(t, d, later, advice("BOL1", "SO1"))
				bill(t, d, later, invoice("1", "SO1"))
				dbtest.Observe(t, d, now, dbtest.Order("SO1", false))
			}
		}, "created despatched invoiced"},
		"a change has the previous version": {func(d *db.DB) {
			dbtest.Observe(t, d, dbtest.Noon, dbtest.Order("SO1", false))
			advise(t, d, later, advice("BOL1", "SO1"))
			advise(t, d, now, otherCarrier)
			bill(t, d, later, invoice("1", "SO1"))
			bill(t, d, now, credited)
		}, "created despatched despatched(again) invoiced invoiced(again)"},
		"changes before the order are one event": {func(d *db.DB) {
			advise(t, d, dbtest.Noon, advice("BOL1", "SO1"))
			advise(t, d, later, otherCarrier)
			dbtest.Observe(t, d, now, dbtest.Order("SO1", false))
		}, "created despatched"},
		"a late response of an earlier request is ignored": {func(d *db.DB) {
			dbtest.Observe(t, d, dbtest.Noon, dbtest.Order("SO1", false))
			advise(t, d, now, otherCarrier)
			advise(t, d, later, advice("BOL1", "SO1"))
		}, "created despatched"},
		"what could not be read alone is no change": {func(d *db.DB) {
			dbtest.Observe(t, d, dbtest.Noon, dbtest.Order("SO1", false))
			advise(t, d, later, advice("BOL1", "SO1"))
			advise(t, d, now, unreadable)
		}, "created despatched"},
		"an order and an advice in one transaction": {func(d *db.DB) {
			dbtest.Observe(t, d, dbtest.Noon, dbtest.Order("SO1", false))
			outcome(t, d, "sync", later, func(o *jobs.Outcome) {
				o.Orders, o.Advices = []clients.Order{dbtest.Order("SO1", true)}, []clients.Advice{advice("BOL1", "SO1")}
				o.Invoices = []clients.Invoice{invoice("1", "SO1")}
			})
		}, "created changed despatched invoiced"},
		"an advice that names no order, after its bill of lading": {func(d *db.DB) {
			dbtest.Observe(t, d, dbtest.Noon, dbtest.Order("SO1", true))
			advise(t, d, later, advice("BOL1", ""))
		}, "created despatched"},
		"and before it": {func(d *db.DB) {
			dbtest.Observe(t, d, dbtest.Noon, dbtest.Order("SO1", false))
			advise(t, d, later, advice("BOL1", ""), advice("BOL2", ""))
			dbtest.Observe(t, d, now, dbtest.Order("SO1", true))
			dbtest.Observe(t, d, now.Add(time.Hour), dbtest.Order("SO1", true))
		}, "created changed despatched"},
		"an advice without lines goes by its bill of lading": {func(d *db.DB) {
			advise(t, d, dbtest.Noon, advice("BOL1"))
			dbtest.Observe(t, d, later, dbtest.Order("SO1", true))
		}, "created despatched"},
		"an advice that names another order, after it": {func(d *db.DB) {
			dbtest.Observe(t, d, dbtest.Noon, dbtest.Order("SO1", true))
			advise(t, d, later, advice("BOL1", "SO2"))
		}, "created"},
		"an advice that names another order, before it": {func(d *db.DB) {
			advise(t, d, dbtest.Noon, advice("BOL1", "SO2"))
			dbtest.Observe(t, d, later, dbtest.Order("SO1", true))
		}, "created"},
		"an advice that moves to another order adds an event to the previous one": {func(d *db.DB) {
			dbtest.Observe(t, d, dbtest.Noon, dbtest.Order("SO1", false))
			advise(t, d, later, advice("BOL9", "SO1"))
			advise(t, d, now, advice("BOL9", "SO2"))
			advise(t, d, now.Add(time.Hour), advice("BOL9", "SO2", "SO3"))
		}, "created despatched despatched(again)"},
		"an advice that left the order before that was known": {func(d *db.DB) {
			advise(t, d, dbtest.Noon, advice("BOL9", "SO1"))
			advise(t, d, later, advice("BOL9", "SO2"))
			dbtest.Observe(t, d, now, dbtest.Order("SO1", true))
		}, "created"},
		"an advice of two orders": {func(d *db.DB) {
			dbtest.Observe(t, d, dbtest.Noon, dbtest.Order("SO1", false), dbtest.Order("SO2", false))
			advise(t, d, later, advice("BOL1", "SO1", "SO2", "SO1"))
			if other := story(t, d, "SO2"); other != "created despatched" {
				t.Errorf("the other order: got %s", other)
			}
		}, "created despatched"},
	} {
		t.Run(name, func(t *testing.T) {
			d := dbtest.Open(t)
			c.steps(d)
			if got := story(t, d, "SO1"); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
			inconsistent, err := d.Inspect().Value(t.Context(), `SELECT count(*) FROM order_documents WHERE (order_id IN (SELECT order_id FROM orders)) <> (revision IS NOT NULL)`)
			if inconsistent != "0" || err != nil {
				t.Errorf("%s documents without an event for a known order, or with one for an unknown order, %v", inconsistent, err)
			}
		})
	}
}

func TestUnchangedDocumentsWriteNothing(t *testing.T) {
	d := dbtest.Open(t)
	dbtest.Observe(t, d, dbtest.Noon, dbtest.Order("SO1", false))
	advise(t, d, dbtest.Noon, advice("BOL1", "SO1"))
	const all = `SELECT (SELECT group_concat(last_changed_at || hex(fingerprint)) FROM despatch_advices) || (SELECT count(*) FROM outbox WHERE topic = 'orders')
		|| (SELECT revision || last_changed_at FROM orders) || (SELECT group_concat(order_id || revision) FROM order_documents)`
	before, err := d.Inspect().Value(t.Context(), all)
	if err != nil {
		t.Fatal(err)
	}
	c := advise(t, d, dbtest.Noon.Add(time.Hour), advice("BOL1", "SO1"))
	if after, err := d.Inspect().Value(t.Context(), all); after != before || err != nil {
		t.Errorf("got %s, want %s, %v", after, before, err)
	}
	if want := (jobs.Tally{Seen: 1, Unchanged: 1}); c.Tally != want {
		t.Errorf("got %+v, want %+v", c.Tally, want)
	}
}

func TestDocumentTallyCountsTheirOrders(t *testing.T) {
	d := dbtest.Open(t)
	dbtest.Observe(t, d, dbtest.Noon, dbtest.Order("SO1", false), dbtest.Order("SO2", false))
	first := advise(t, d, dbtest.Noon.Add(time.Hour), advice("BOL1", "SO1"), advice("BOL2", "SO1", "SO9"))
	if want := (jobs.Tally{Seen: 1, Changed: 1}); first.Tally != want || first.Run.Orders != want {
		t.Errorf("got %+v and the run %+v, want %+v", first.Tally, first.Run.Orders, want)
	}
	second := advise(t, d, dbtest.Noon.Add(2*time.Hour), advice("BOL1", "SO1"), advice("BOL3", "SO2"))
	if want := (jobs.Tally{Seen: 2, Changed: 1, Unchanged: 1}); second.Tally != want {
		t.Errorf("got %+v, want %+v", second.Tally, want)
	}
	both := outcome(t, d, "sync", dbtest.Noon.Add(3*time.Hour), func(o *jobs.Outcome) {
		o.Orders, o.Advices = []clients.Order{dbtest.Order("SO1", true)}, []clients.Advice{advice("BOL4", "SO1", "SO2")}
	})
	if want := (jobs.Tally{Seen: 2, Changed: 2}); both.Tally != want {
		t.Errorf("with an order: got %+v, want it counted once, %+v", both.Tally, want)
	}
}

func TestDocumentAddsARevisionWithoutAStatusChange(t *testing.T) {
	d := dbtest.Open(t)
	dbtest.Observe(t, d, dbtest.Noon, dbtest.Order("SO1", true))
	advise(t, d, dbtest.Noon.Add(time.Hour), advice("BOL1", "SO1"))
	advise(t, d, dbtest.Noon.Add(-time.Hour), advice("BOL2", "SO1")) // requested before
	got, _, err := d.Order(t.Context(), "michelin", "detroit", "SO1")
	if err != nil {
		t.Fatal(err)
	}
	want := orders.StoredOrder{Order: dbtest.Order("SO1", true), Revision: 3, FirstSeenAt: dbtest.Noon, LastSeenAt: dbtest.Noon, LastChangedAt: dbtest.Noon.Add(time.Hour)}
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("stored (-want +got):\n%s", diff)
	}
	dbtest.Observe(t, d, dbtest.Noon.Add(2*time.Hour), dbtest.Order("SO1", false))
	if got := story(t, d, "SO1"); got != "created despatched despatched changed" {
		t.Errorf("got %s, want the order's next change after them", got)
	}
}

func TestFingerprintOfAnotherVersionIsNoEvent(t *testing.T) {
	d := dbtest.Open(t)
	dbtest.Observe(t, d, dbtest.Noon, dbtest.Order("SO1", false))
	advise(t, d, dbtest.Noon, advice("BOL1", "SO1"))
	bill(t, d, dbtest.Noon, invoice("1", "SO1"))
	for _, table := range []string{"despatch_advices", "invoices"} {
		if err := d.OnWriter(t.Context(), "UPDATE "+table+" SET fingerprint = x'00'"); err != nil {
			t.Fatal(err)
		}
	}
	advise(t, d, dbtest.Noon.Add(time.Hour), advice("BOL1", "SO1"))
	bill(t, d, dbtest.Noon.Add(time.Hour), invoice("1", "SO1"))
	if got := story(t, d, "SO1"); got != "created despatched invoiced" {
		t.Errorf("got %s", got)
	}
	if got, err := d.Inspect().Value(t.Context(), `SELECT min(length(fingerprint)) FROM (SELECT fingerprint FROM despatch_advices UNION ALL SELECT fingerprint FROM invoices)`); got != "16" || err != nil {
		t.Errorf("got fingerprints of %s bytes, %v, want new ones", got, err)
	}
}

func TestDocumentsOfAnOrderAreRead(t *testing.T) {
	d := dbtest.Open(t)
	early, late := advice("BOL2", "SO1"), advice("BOL1", "SO1")
	early.DespatchedOn = "2026-11-20"
	advise(t, d, dbtest.Noon, late, early, advice("BOL3", "SO2"))
	bill(t, d, dbtest.Noon, invoice("1", "SO1", "SO2"))
	got, err := d.Documents(t.Context(), "michelin", "detroit", "SO1")
	want := documents.OrderDocuments{Advices: []clients.Advice{early, late}, Invoices: []clients.Invoice{invoice("1", "SO1", "SO2")}}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	none, err := d.Documents(t.Context(), "michelin", "detroit", "SO9")
	if diff := cmp.Diff(documents.OrderDocuments{Advices: []clients.Advice{}, Invoices: []clients.Invoice{}}, none); diff != "" || err != nil {
		t.Errorf("none: %v (-want +got):\n%s", err, diff)
	}
}

func TestColumnsAndViewsOfDocuments(t *testing.T) {
	d := dbtest.Open(t)
	dbtest.Observe(t, d, dbtest.Noon, dbtest.Order("SO1", true))
	advise(t, d, dbtest.Noon, advice("BOL1", "SO1", "SO1", "SO2"), advice("BOL2", "SO2"))
	advise(t, d, dbtest.Noon.Add(time.Hour), advice("BOL1", "SO1", "SO2"))
	bill(t, d, dbtest.Noon, invoice("1", "SO1", "SO2"))
	for query, want := range map[string]string{
		`SELECT bill_of_lading || ' ' || despatched_on || ' ' || expected_on || ' ' || carrier || ' ' || tracking || ' ' || ship_to || ' ' || quantity FROM despatch_advices WHERE advice_id = 'BOL1'`: "BOL1 2026-11-21 2026-11-24 SMPA SAMPLE1, SAMPLE2 1234567 8",
		`SELECT group_concat(advice_id || ' ' || seq || ' ' || order_id || ' ' || order_line_id || ' ' || quantity) FROM despatch_advice_lines`:                                                        "BOL1 1 SO1 001 4,BOL1 2 SO2 001 4,BOL2 1 SO2 001 4",
		`SELECT number || ' ' || type || ' ' || invoiced_on || ' ' || due_on || ' ' || currency || ' ' || total_amount FROM invoices`:                                                                  "1 commercial 2026-11-22 2026-12-22 USD 652.80",
		`SELECT group_concat(seq || ' ' || order_id || ' ' || reference || ' ' || bill_of_lading || ' ' || quantity || ' ' || unit_price || ' ' || net_amount) FROM invoice_lines`:                     "1 SO1 PO-SO1 BOL1 4 163.20 652.80,2 SO2 PO-SO2 BOL1 4 163.20 652.80",
		`SELECT group_concat(order_id || ' ' || coalesce(reference, '-') || ' ' || coalesce(status, '-') || ' ' || bill_of_lading || ' ' || carrier || ' ' || quantity) FROM shipments`:                "SO1 PO-SO1 partially_shipped BOL1 SMPA 4,SO2 - - BOL1 SMPA 4,SO2 - - BOL2 SMPA 4",
		`SELECT group_concat(order_id || ' ' || number || ' ' || type || ' ' || total_amount || ' ' || net_amount) FROM order_invoices`:                                                                "SO1 1 commercial 652.80 652.8,SO2 1 commercial 652.80 652.8",
		`SELECT group_concat(order_id || ' ' || kind || ' ' || document_id || ' ' || coalesce(revision, '-')) FROM (SELECT * FROM order_documents ORDER BY order_id, kind, document_id)`:               "SO1 despatch_advice BOL1 3,SO1 invoice 1 4,SO2 despatch_advice BOL1 -,SO2 despatch_advice BOL2 -,SO2 invoice 1 -",
		`SELECT group_concat(path) FROM recent_changes WHERE order_id = 'SO1' AND path IS NOT NULL`:                                                                                                    "invoices/1,despatch_advices/BOL1,despatch_advices/BOL1",
	} {
		if got, err := d.Inspect().Value(t.Context(), query); got != want || err != nil {
			t.Errorf("%s\ngot %s, want %s, %v", query, got, want, err)
		}
	}
}

func TestCommitRejectsInvalidDocuments(t *testing.T) {
	d := dbtest.Open(t)
	_, js := dbtest.Start(t, d, 1)
	foreign, nameless := advice("BOL1", "SO1"), invoice("", "SO1")
	foreign.Account = "toledo"
	for name, change := range map[string]func(*jobs.Outcome){
		"an advice of another account": func(o *jobs.Outcome) { o.Advices = []clients.Advice{foreign} },
		"an invoice without a number":  func(o *jobs.Outcome) { o.Invoices = []clients.Invoice{nameless} },
	} {
		o := dbtest.Succeeded(js[0], dbtest.Noon)
		change(&o)
		if c, err := d.Commit(t.Context(), o); err == nil || !strings.HasPrefix(err.Error(), "job ") {
			t.Errorf("%s: got %+v and %v, want it rejected", name, c, err)
		}
	}
	last := advice("BOL1", "SO1")
	last.Carrier = "SMPC"
	o := dbtest.Succeeded(js[0], dbtest.Noon)
	o.Advices = []clients.Advice{advice("BOL1", "SO1"), last}
	dbtest.Commit(t, d, o)
	if got, err := d.Inspect().Value(t.Context(), "SELECT carrier FROM despatch_advices"); got != "SMPC" || err != nil {
		t.Errorf("an advice that is reported twice is %s, %v: want the last version", got, err)
	}
}

func TestDocumentsDoNotAffectFreshness(t *testing.T) {
	d := dbtest.Open(t)
	advise(t, d, dbtest.Noon, advice("BOL1", "SO1"))
	bill(t, d, dbtest.Noon)
	list, err := d.Freshness(t.Context(), "")
	if len(list) != 0 || err != nil {
		t.Errorf("got %+v, %v, want none", list, err)
	}
}
