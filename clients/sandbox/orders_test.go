package sandbox_test

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// seen is what these tests read of an answer of variant "1".
type seen struct {
	ReferencedOrder []struct {
		OrderDate           string
		SupplierOrderNumber struct{ DocumentID string }
		OrderReference      struct{ DocumentID string }
		OrderLine           []struct {
			OrderedArticle struct {
				ScheduleDetails []struct {
					ConfirmedQuantity, BackorderedQuantity, CancelledQuantity *struct{}
					ScheduledQuantity, OpenQuantity, ShippedDetails           *struct{}
				}
			}
		}
	}
}

func (s seen) numbers() []string {
	var ns []string
	for _, o := range s.ReferencedOrder {
		ns = append(ns, o.SupplierOrderNumber.DocumentID)
	}
	return ns
}

func (b *bench) see(t *testing.T, query string) seen {
	t.Helper()
	a := b.ask(t, query)
	var s seen
	if err := json.Unmarshal([]byte(a.body), &s); err != nil || a.status != http.StatusOK {
		t.Fatalf("status %d, %v", a.status, err)
	}
	return s
}

var days90 = byDate("2026-08-23", "2026-11-20")

func TestAccountsHaveSeparateOrders(t *testing.T) {
	b := newBench(t)
	whose := map[string]string{}
	for billTo, shipTo := range map[string]string{"1111111": "1234567", "2222222": "2345678", "3333333": "3456789"} {
		s := b.see(t, openAPI(days90, object{"buyerParty": party(billTo), "consignee": party(shipTo)}))
		if n := len(s.ReferencedOrder); n < 100 || n > 140 {
			t.Errorf("account %s has %d orders", billTo, n)
		}
		for _, n := range s.numbers() {
			if other, ok := whose[n]; ok {
				t.Errorf("%s is an order of %s and of %s", n, billTo, other)
			}
			whose[n] = billTo
		}
	}
}

func TestWindowHasItsOrdersOnly(t *testing.T) {
	b := newBench(t)
	all := b.see(t, openAPI(days90))
	byHand := map[string][]string{}
	for _, o := range all.ReferencedOrder {
		byHand[o.OrderDate] = append(byHand[o.OrderDate], o.SupplierOrderNumber.DocumentID)
	}
	found := 0
	for d := noon.AddDate(0, 0, -89); !d.After(noon); d = d.AddDate(0, 0, 1) {
		day := d.Format(time.DateOnly)
		got := b.see(t, openAPI(byDate(day, day))).numbers()
		if diff := cmp.Diff(byHand[day], got); diff != "" {
			t.Errorf("%s (-of all +asked for):\n%s", day, diff)
		}
		found += len(got)
	}
	recent := len(b.see(t, openAPI(byDate("2026-11-06", "2026-11-20"))).ReferencedOrder)
	if found != len(all.ReferencedOrder) || recent != 81 || found-recent < 25 {
		t.Errorf("%d orders, %d of them in the last 14 days", found, recent)
	}
}

func TestPreviousYearHasOrders(t *testing.T) {
	if n := len(newBench(t).see(t, openAPI(byDate("2025-01-01", "2025-03-31"))).ReferencedOrder); n < 30 {
		t.Errorf("%d orders", n)
	}
	if n := len(newBench(t).see(t, openAPI(byDate("2026-11-21", "2026-12-31"))).ReferencedOrder); n != 0 {
		t.Errorf("%d orders of the future", n)
	}
}

func TestIndicatorSelectsLines(t *testing.T) {
	b := newBench(t)
	type counts struct{ waiting, cancelled, shipped int }
	count := func(indicator string) counts {
		var c counts
		for _, o := range b.see(t, openAPI(days90, object{"orderStatusIndicator": indicator})).ReferencedOrder {
			if len(o.OrderLine) == 0 {
				t.Errorf("indicator %s: %s has no lines", indicator, o.SupplierOrderNumber.DocumentID)
			}
			for _, l := range o.OrderLine {
				var waits, cancelled bool
				for _, s := range l.OrderedArticle.ScheduleDetails {
					waits = waits || s.OpenQuantity != nil || s.BackorderedQuantity != nil || s.ConfirmedQuantity != nil || s.ScheduledQuantity != nil
					cancelled = cancelled || s.CancelledQuantity != nil
				}
				switch {
				case waits:
					c.waiting++
				case cancelled:
					c.cancelled++
				default:
					c.shipped++
				}
			}
		}
		return c
	}
	all := count("2")
	if all.waiting == 0 || all.cancelled == 0 || all.shipped == 0 {
		t.Fatalf("too few kinds of lines: %+v", all)
	}
	if got, want := count("0"), (counts{waiting: all.waiting}); got != want {
		t.Errorf("indicator 0: got %+v, want %+v", got, want)
	}
	if got, want := count("1"), (counts{waiting: all.waiting, cancelled: all.cancelled}); got != want {
		t.Errorf("indicator 1: got %+v, want %+v", got, want)
	}
}

func TestByReference(t *testing.T) {
	b := newBench(t)
	all := b.see(t, openAPI(days90)).ReferencedOrder
	first, last := all[0], all[len(all)-1] // one of the archive, one that lives
	number, po := last.SupplierOrderNumber.DocumentID, first.OrderReference.DocumentID
	if po == "" {
		t.Fatal("the first order has no PO: take another")
	}
	both := func(number, po string) object {
		return object{"referencedOrder": []object{{
			"supplierOrderNumber": object{"documentID": number}, "orderReference": object{"documentID": po},
		}}}
	}
	for name, c := range map[string]struct {
		asked object
		want  []string
	}{
		"by Michelin's number":           {bySupplierNumber(number), []string{number}},
		"several, one of them unknown":   {bySupplierNumber(number, "SO99999999", first.SupplierOrderNumber.DocumentID), []string{number, first.SupplierOrderNumber.DocumentID}},
		"the same twice":                 {bySupplierNumber(number, number), []string{number}},
		"numbers that are none":          {bySupplierNumber("SO1", "XX"+number[2:], number+"0", "SO-1234567", "0"), nil},
		"by the customer's number":       {both("", po), []string{first.SupplierOrderNumber.DocumentID}},
		"by both":                        {both(first.SupplierOrderNumber.DocumentID, po), []string{first.SupplierOrderNumber.DocumentID}},
		"by two that do not go together": {both(number, po), nil},
		"an unknown customer's number":   {both("", "PO-99999999"), nil},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, b.see(t, openAPI(c.asked)).numbers()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	toledo := object{"buyerParty": party("2222222"), "consignee": party("2345678")}
	if got := b.see(t, openAPI(bySupplierNumber(number), toledo)).numbers(); got != nil {
		t.Errorf("another account sees %v", got)
	}
}
