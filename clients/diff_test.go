package clients_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"orderbeat/clients"
)

// sampleOrder is a normalized order in which every field says something.
func sampleOrder() clients.Order {
	o := clients.Order{
		Provider: "michelin", Account: "detroit", OrderID: "SO10000001", Reference: "PO1", OrderedOn: "2026-01-15", Method: "EDI PO",
		Lines: []clients.Line{{
			LineID: "001", ArticleID: "10001", BuyerArticleID: "B-1", EAN: "0000000000017", Description: "SAMPLE TREAD A",
			RequestedOn: "2026-01-20", Ordered: clients.Pieces(4),
			Schedule: []clients.ScheduleLine{{DeliveryOn: "2026-01-20", Ordered: clients.Pieces(4), Amounts: clients.Amounts{
				Confirmed: clients.Pieces(1), Backordered: clients.Pieces(0), Cancelled: clients.Pieces(0),
				Scheduled: clients.Pieces(1), Open: clients.Pieces(0), Shipped: clients.Pieces(2),
			}}},
			Despatches: []clients.Despatch{{DespatchedOn: "2026-01-18", AdviceID: "BOL1", Quantity: clients.Pieces(2)}},
		}},
	}
	o.Normalize()
	return o
}

func TestDiffNamesWhatChanged(t *testing.T) {
	before := sampleOrder()
	after := shuffle(rand.New(rand.NewPCG(1, 2)), before)
	after.Reference, after.Unmapped = "", []string{"x: y"}
	after.Status, after.OrderedQuantity = clients.StatusShipped, clients.Pieces(5)
	after.Lines[0].Shipped = clients.Quantity{}
	after.Lines[0].Schedule = []clients.ScheduleLine{}
	after.Lines = append(after.Lines, clients.Line{LineID: "a/b%c"})
	want := []clients.Change{
		{Path: "reference", Before: "PO1"},
		{Path: "status", Before: "partially_shipped", After: "shipped"},
		{Path: "ordered_quantity", Before: int64(4), After: int64(5)},
		{Path: "lines/001/shipped", Before: int64(2)},
		{Path: "lines/001/schedule", Before: before.Lines[0].Schedule, After: []clients.ScheduleLine{}},
		{Path: "lines/a%2Fb%25c", After: after.Lines[1]},
	}
	if diff := cmp.Diff(want, clients.Diff(&before, &after, nil)); diff != "" {
		t.Errorf("changes differ (-want +got):\n%s", diff)
	}
	back := clients.Diff(&after, &before, nil)
	if last := back[len(back)-1]; len(back) != len(want) || last.Path != "lines/a%2Fb%25c" || last.After != nil || last.Before == nil {
		t.Errorf("backwards: got %d changes, the last %+v; want %d and a line that is gone", len(back), last, len(want))
	}
}

func TestChangesAsJSON(t *testing.T) {
	got, err := json.Marshal([]clients.Change{{Path: "lines/001/shipped", After: clients.Pieces(2).N}, {Path: "promised_on", Before: "2026-01-20"}})
	want := `[{"path":"lines/001/shipped","before":null,"after":2},{"path":"promised_on","before":"2026-01-20","after":null}]`
	if err != nil || string(got) != want {
		t.Errorf("got %s and %v, want %s", got, err, want)
	}
}

func TestAddedAndRemovedLines(t *testing.T) {
	lines := func(ids string) (o clients.Order) {
		for id := range strings.FieldsSeq(ids) {
			o.Lines = append(o.Lines, clients.Line{LineID: id})
		}
		return o
	}
	for name, c := range map[string]struct{ before, after, want string }{
		"all new":            {"", "1 2", "+1 +2"},
		"all gone":           {"1 2", "", "-1 -2"},
		"between and around": {"2 4", "1 2 3 5", "+1 +3 -4 +5"},
		"none":               {"1 2", "1 2", ""},
	} {
		t.Run(name, func(t *testing.T) {
			before, after := lines(c.before), lines(c.after)
			var got []string
			for _, change := range clients.Diff(&before, &after, nil) {
				sign := "+"
				if change.After == nil {
					sign = "-"
				}
				got = append(got, sign+strings.TrimPrefix(change.Path, "lines/"))
			}
			if strings.Join(got, " ") != c.want {
				t.Errorf("got %v, want %s", got, c.want)
			}
		})
	}
}

// notCompared are the fields of an order that are no part of a change: what
// identifies it, what could not be read, and what is not stored ("-").
var notCompared = map[string]bool{"provider": true, "account": true, "order_id": true, "unmapped": true, "-": true, "lines/-": true}

// TestEveryFieldCounts changes each field of an order alone, so that a new field
// cannot be forgotten.
func TestEveryFieldCounts(t *testing.T) {
	base := sampleOrder()
	fields := 0
	visit(reflect.TypeFor[clients.Order](), "", nil, func(path string, index [][]int) {
		fields++
		changed := shuffle(rand.New(rand.NewPCG(1, 2)), base)
		v := reflect.ValueOf(&changed).Elem()
		for i, step := range index {
			if i > 0 {
				v = v.Index(0)
			}
			v = v.FieldByIndex(step)
		}
		if !alter(v) {
			t.Fatalf("%s: cannot change a %s", path, v.Type())
		}
		volatile := []string{strings.TrimSuffix(path, "/*")}
		if strings.HasPrefix(path, "lines/schedule") || strings.HasPrefix(path, "lines/despatches") {
			volatile = []string{strings.Join(strings.Split(path, "/")[:2], "/")}
		}
		want := !notCompared[path]
		if got := len(clients.Diff(&base, &changed, nil)) > 0; got != want {
			t.Errorf("%s: Diff finds a change: %t, want %t", path, got, want)
		}
		if got := base.Fingerprint(nil) != changed.Fingerprint(nil); got != want {
			t.Errorf("%s: another fingerprint: %t, want %t", path, got, want)
		}
		if path == "lines/line_id" {
			return
		}
		if got := clients.Diff(&base, &changed, volatile); len(got) > 0 {
			t.Errorf("%s: volatile, but got %+v", path, got)
		}
		if base.Fingerprint(volatile) != changed.Fingerprint(volatile) {
			t.Errorf("%s: volatile, but another fingerprint", path)
		}
	})
	if fields < 30 {
		t.Errorf("visited %d fields only", fields)
	}
}

// visit calls f for every plain field of t, with the fields to go through; those of
// the first element of a slice stand for all.
func visit(t reflect.Type, path string, index [][]int, f func(string, [][]int)) {
	for _, field := range reflect.VisibleFields(t) {
		if field.Anonymous {
			continue
		}
		name := path + strings.Split(field.Tag.Get("json"), ",")[0]
		steps := append(append([][]int{}, index...), field.Index)
		if field.Type.Kind() == reflect.Slice && field.Type.Elem().Kind() == reflect.Struct {
			visit(field.Type.Elem(), name+"/", steps, f)
			continue
		}
		f(name, steps)
	}
}

func alter(v reflect.Value) bool {
	switch v.Interface().(type) {
	case clients.Quantity:
		v.Set(reflect.ValueOf(clients.Pieces(99)))
	case []string:
		v.Set(reflect.ValueOf([]string{"x: y"}))
	case clients.Unread:
		v.SetUint(1)
	default:
		if v.Kind() != reflect.String {
			return false
		}
		v.SetString("9")
	}
	return true
}

func TestFingerprintsAreEqualWithoutAChange(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	volatile := []string{"method", "lines/description", "lines/despatches"}
	same, different := 0, 0
	for range 3000 {
		a, b := randomOrder(r), randomOrder(r)
		if r.IntN(2) == 0 {
			b = shuffle(r, a)
			b.Method = pick(r, "", "EDI PO")
		}
		a.Normalize()
		b.Normalize()
		for _, v := range [][]string{nil, volatile} {
			changes := clients.Diff(&a, &b, v)
			if equal := a.Fingerprint(v) == b.Fingerprint(v); equal != (len(changes) == 0) {
				t.Fatalf("fingerprints equal: %t, changes: %+v", equal, changes)
			}
			if len(changes) == 0 {
				same++
			} else {
				different++
			}
		}
	}
	if same < 500 || different < 500 {
		t.Errorf("compared %d like and %d unlike pairs, want enough of both", same, different)
	}
}

// The fingerprint is stored, so it must not change by itself. A new value here means
// that every stored order is compared in full once.
func TestFingerprintIsStable(t *testing.T) {
	o := sampleOrder()
	if got, want := fmt.Sprintf("%x", o.Fingerprint(nil)), "cd91331a0ecd2a3657ef3fe443e71edb"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func ExampleDiff() {
	before := clients.Order{Lines: []clients.Line{{LineID: "001", Ordered: clients.Pieces(4), Schedule: []clients.ScheduleLine{
		{DeliveryOn: "2026-01-20", Amounts: clients.Amounts{Scheduled: clients.Pieces(4)}},
	}}}}
	after := clients.Order{Lines: []clients.Line{{LineID: "001", Ordered: clients.Pieces(4), Schedule: []clients.ScheduleLine{
		{DeliveryOn: "2026-01-20", Amounts: clients.Amounts{Shipped: clients.Pieces(4)}},
	}}}}
	before.Normalize()
	after.Normalize()
	for _, c := range clients.Diff(&before, &after, []string{"lines/schedule"}) {
		fmt.Printf("%s: %v -> %v\n", c.Path, c.Before, c.After)
	}
	// Output:
	// status: scheduled -> shipped
	// shipped_quantity: 0 -> 4
	// open_quantity: 4 -> 0
	// next_promised_on: 2026-01-20 -> <nil>
	// lines/001/status: scheduled -> shipped
	// lines/001/scheduled: 4 -> <nil>
	// lines/001/shipped: <nil> -> 4
}
