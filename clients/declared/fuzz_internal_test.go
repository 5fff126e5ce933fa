package declared // inside: what is read here is read nowhere else alone

import (
	"bytes"
	"encoding/json"
	"testing"

	"orderbeat/clients"
)

// Whatever a mapping makes, it is an order or refused with its place; an order that is
// normalized once stays what it is.
func FuzzReadOrder(f *testing.F) {
	for _, text := range []string{
		`{"order_id":"a"}`, `{"order_id":4711,"status":"open","promised_on":"20260131"}`, `{"order_id":" ","lines":[{}]}`, `[]`, `null`,
		`{"order_id":"a","ordered_quantity":"2.0","lines":[{"line_id":"1","ordered":2,"shipped":"1","open":1,"promised_on":"9999-12-31"},{"line_id":"1"}]}`,
		`{"order_id":"a","lines":[{"schedule":[{"delivery_on":"2026-01-31T10:00:00Z","confirmed":1},{"cancelled":2}],"despatches":[{"quantity":1},{"advice_id":"x"}]}]}`,
		`{"order_id":"a","x":1}`, `{"order_id":"a","lines":[{"ordered":-1}]}`, `{"order_id":"a","ordered_on":"2026-02-30"}`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		d := json.NewDecoder(bytes.NewReader(text))
		d.UseNumber()
		var v any
		if d.Decode(&v) != nil {
			return
		}
		o, err := readOrder(v, "acme", "main", nil)
		if err != nil {
			if err.Error() == "" {
				t.Fatal("got an error that says nothing")
			}
			return
		}
		if o.OrderID == "" || o.Provider != "acme" || o.Account != "main" {
			t.Fatalf("got %+v, want an order with a number, and whose it is", o)
		}
		o.Normalize()
		once := written(t, &o)
		o.Normalize()
		if again := written(t, &o); again != once {
			t.Fatalf("got %s when normalized again, want %s", again, once)
		}
	})
}

func written(t *testing.T, o *clients.Order) string {
	t.Helper()
	text, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
