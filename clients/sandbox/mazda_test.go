package sandbox_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"orderbeat/auth/authtest"
	"orderbeat/clients/sandbox/mazda"
)

// partsOrder is one order of Mazda's example.
type partsOrder struct {
	OrderNumber, Reference, OrderDate, Status string
	Lines                                     []struct {
		Line                          int
		PartNumber, Description       string
		Ordered, Shipped, Backordered int
		ETA                           *string
	}
}

type partsPage struct {
	Page, Pages int
	Orders      []partsOrder
}

var otherOrg = header("X-mazda-org", mazda.OtherOrg)

func newMazda(t *testing.T) *caller {
	t.Helper()
	return newCaller(t, authtest.Mazda, mazdaOrg)
}

func dates(from, to string) url.Values { return url.Values{"from": {from}, "to": {to}} }

// pages reads every page of a range of dates.
func (c *caller) pages(t *testing.T, query url.Values, set ...func(*http.Request)) []partsOrder {
	t.Helper()
	var all []partsOrder
	for page := 1; ; page++ {
		query.Set("page", fmt.Sprint(page))
		var p partsPage
		c.read(t, &p, http.MethodGet, mazdaPath+"?"+query.Encode(), "", set...)
		if p.Page != page || len(p.Orders) > 5 || len(p.Orders) < 5 && page < p.Pages || len(p.Orders) == 0 && page > 1 {
			t.Fatalf("page %d of %d has %d orders", p.Page, p.Pages, len(p.Orders))
		}
		all = append(all, p.Orders...)
		if page >= p.Pages {
			return all
		}
	}
}

func orderNumbers(orders []partsOrder) []string {
	var ns []string
	for _, o := range orders {
		ns = append(ns, o.OrderNumber)
	}
	return ns
}

func TestPagesOfPartsOrdersAreComplete(t *testing.T) {
	c := newMazda(t)
	all := c.pages(t, dates("2026-11-01", "2026-11-20"))
	numbers := orderNumbers(all)
	if unique := slices.Compact(slices.Sorted(slices.Values(numbers))); len(unique) != len(numbers) || len(numbers) != 18 {
		t.Errorf("%d orders, %d of them different", len(numbers), len(unique))
	}
	var byDay []partsOrder
	for d := noon.AddDate(0, 0, -15); !d.After(noon); d = d.AddDate(0, 0, 1) {
		day := d.Format(time.DateOnly)
		for _, o := range c.pages(t, dates(day, day)) {
			if o.OrderDate != day {
				t.Errorf("%s is of %s, not %s", o.OrderNumber, o.OrderDate, day)
			}
			byDay = append(byDay, o)
		}
	}
	if diff := cmp.Diff(all, byDay); diff != "" {
		t.Errorf("(-at once +day by day):\n%s", diff)
	}
	var p partsPage
	c.read(t, &p, http.MethodGet, mazdaPath+"?from=2026-11-01&to=2026-11-20&page=9", "")
	if p.Page != 9 || p.Pages != 4 || p.Orders == nil || len(p.Orders) != 0 {
		t.Errorf("a page beyond the last: %+v", p)
	}
	c.read(t, &p, http.MethodGet, mazdaPath+"?from=2020-01-01&to=2020-01-02", "")
	if p.Page != 1 || p.Pages != 1 || len(p.Orders) != 0 {
		t.Errorf("without orders: %+v", p)
	}
}

func TestOrganizationsHaveSeparateOrders(t *testing.T) {
	c := newMazda(t)
	mine := c.pages(t, dates("2026-11-01", "2026-11-20"))
	others := orderNumbers(c.pages(t, dates("2026-11-01", "2026-11-20"), otherOrg))
	if len(others) != 18 {
		t.Errorf("the other has %d orders", len(others))
	}
	for _, o := range mine {
		if slices.Contains(others, o.OrderNumber) {
			t.Errorf("%s is an order of both", o.OrderNumber)
		}
		var got partsOrder
		c.read(t, &got, http.MethodGet, mazdaPath+"/"+o.OrderNumber, "")
		if diff := cmp.Diff(o, got); diff != "" {
			t.Errorf("%s (-listed +alone):\n%s", o.OrderNumber, diff)
		}
		if a := c.call(t, http.MethodGet, mazdaPath+"/"+o.OrderNumber, "", otherOrg); a.status != http.StatusNotFound || a.body != "{}\n" {
			t.Errorf("%s for the other: got %d %s", o.OrderNumber, a.status, a.body)
		}
	}
	for _, path := range []string{mazdaPath + "?from=2026-11-01&to=2026-11-20", mazdaPath + "/" + mine[0].OrderNumber} {
		for _, org := range []string{"", "10030", "10030/", "a/b/c"} {
			if a := c.call(t, http.MethodGet, path, "", header("X-mazda-org", org)); a.status != http.StatusForbidden || a.body != "{}\n" {
				t.Errorf("%s for %q: got %d %s", path, org, a.status, a.body)
			}
		}
	}
}

func TestInvalidPartsOrderRequestsAreRejected(t *testing.T) {
	c := newMazda(t)
	for _, query := range []string{
		"", "from=2026-11-01", "to=2026-11-01", "from=2026-11-02&to=2026-11-01", "from=20261101&to=20261102",
		"from=2026-11-01&to=2026-11-02&page=0", "from=2026-11-01&to=2026-11-02&page=x",
	} {
		if a := c.call(t, http.MethodGet, mazdaPath+"?"+query, ""); a.status != http.StatusBadRequest {
			t.Errorf("%s: status %d: %s", query, a.status, a.body)
		}
	}
}

func TestPartsOrdersAdvance(t *testing.T) {
	c := newMazda(t)
	steps := []string{"OPEN", "CONFIRMED", "PARTIALLY_SHIPPED", "SHIPPED", "DELIVERED"}
	before := map[string]partsOrder{}
	seen := map[string]bool{}
	for day := range 100 {
		changed := false
		for _, o := range c.pages(t, dates("2026-11-01", "2026-11-20")) {
			old, known := before[o.OrderNumber]
			seen[o.Status] = true
			changed = changed || old.Status != o.Status
			if known && o.Status != "CANCELLED" && slices.Index(steps, o.Status) < slices.Index(steps, old.Status) {
				t.Errorf("%s goes from %s to %s", o.OrderNumber, old.Status, o.Status)
			}
			if known && old.Status == o.Status && !cmp.Equal(old, o) {
				t.Errorf("%s changes (-before +now):\n%s", o.OrderNumber, cmp.Diff(old, o))
			}
			checkParts(t, o)
			before[o.OrderNumber] = o
		}
		if !changed {
			t.Errorf("nothing happens on day %d", day)
		}
		c.advance(sandboxDay)
	}
	if len(seen) != len(steps)+1 {
		t.Errorf("only %v were seen", seen)
	}
}

// checkParts checks what a status says about the lines.
func checkParts(t *testing.T, o partsOrder) {
	t.Helper()
	var ordered, shipped, backordered int
	for _, l := range o.Lines {
		ordered += l.Ordered
		shipped += l.Shipped
		backordered += l.Backordered
		if dated := l.ETA != nil; dated != (o.Status != "OPEN" && o.Status != "CANCELLED") {
			t.Errorf("%s is %s: ETA %v", o.OrderNumber, o.Status, l.ETA)
		}
	}
	ok := shipped == 0 && backordered == 0
	switch o.Status {
	case "PARTIALLY_SHIPPED":
		ok = shipped > 0 && backordered > 0 && shipped+backordered <= ordered
	case "SHIPPED", "DELIVERED":
		ok = shipped == ordered && backordered == 0
	}
	if !ok || len(o.Lines) == 0 {
		t.Errorf("%s is %s: %+v", o.OrderNumber, o.Status, o.Lines)
	}
}
