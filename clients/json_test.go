package clients_test

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"

	"orderbeat/clients"
)

func checkJSON(t *testing.T, o clients.Order) {
	t.Helper()
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(o); err != nil {
		t.Fatal(err)
	}
	want := bytes.TrimSpace(buf.Bytes())
	if diff := cmp.Diff(string(want), string(o.AppendJSON(nil))); diff != "" {
		t.Fatalf("differs from encoding/json (-want +got):\n%s", diff)
	}
	if !json.Valid(want) {
		t.Fatalf("not JSON: %s", want)
	}
}

func TestAppendJSONIsEncodingJSON(t *testing.T) {
	checkJSON(t, clients.Order{})
	checkJSON(t, sampleOrder())
	r := rand.New(rand.NewPCG(5, 6))
	for range 500 {
		o := randomOrder(r)
		checkJSON(t, o)
		o.Normalize()
		checkJSON(t, o)
		var back clients.Order
		if err := json.Unmarshal(o.AppendJSON(nil), &back); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(o, back); diff != "" {
			t.Fatalf("read back it is another order (-want +got):\n%s", diff)
		}
	}
	for _, text := range []string{`"`, `\`, "<", "&", ">", "\x00\x1f\x7f", "2½\" ü 轮胎", "\u2028\u2029", "\xff\xc3", " ", "~"} {
		o := sampleOrder()
		o.OrderID, o.Reference, o.Lines[0].Description, o.Unmapped = text, clients.Text(text), clients.Text(text), []string{text, text}
		checkJSON(t, o)
	}
}

// TestAppendJSONHasEveryField sets each field alone, so that a new field cannot be
// forgotten.
func TestAppendJSONHasEveryField(t *testing.T) {
	visit(reflect.TypeFor[clients.Order](), "", nil, func(_ string, index [][]int) {
		o := clients.Order{Lines: []clients.Line{{Schedule: make([]clients.ScheduleLine, 1), Despatches: make([]clients.Despatch, 1)}}}
		v := reflect.ValueOf(&o).Elem()
		for i, step := range index {
			if i > 0 {
				v = v.Index(0)
			}
			v = v.FieldByIndex(step)
		}
		alter(v)
		checkJSON(t, o)
	})
}
