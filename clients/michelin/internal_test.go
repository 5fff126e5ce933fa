package michelin // inside, to fuzz and measure the decoder without a server

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"orderbeat/clients"
	"orderbeat/clients/memory"
)

// FuzzDecode checks that no answer makes the decoder panic, that what it takes is a
// JSON document, and that its orders are normalized and told once.
func FuzzDecode(f *testing.F) {
	files, err := filepath.Glob("testdata/*.json")
	if err != nil || len(files) == 0 {
		f.Fatalf("samples: %v, %v", files, err)
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte(`{"errorHead":{"errorCode":"1"},"referencedOrder":{"supplierOrderNumber":{"documentId":"\ud800"},"orderLine":[[{}],{"lineId":"\u0031"}]}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		answer, err := decode(memory.NewMeter(t.Context()), bytes.NewReader(body), "michelin", "detroit")
		if err != nil {
			return
		}
		if !json.Valid(body) {
			t.Error("took what is not JSON")
		}
		seen := map[string]bool{}
		for _, o := range answer.Orders {
			if o.OrderID == "" || seen[o.OrderID] {
				t.Errorf("order %q: has no id, or was told twice", o.OrderID)
			}
			seen[o.OrderID] = true
			again := clone(o)
			again.Normalize()
			if diff := cmp.Diff(o, again); diff != "" {
				t.Errorf("not normalized (-got +normalized):\n%s", diff)
			}
		}
	})
}

func clone(o clients.Order) clients.Order {
	o.Lines = slices.Clone(o.Lines)
	for i := range o.Lines {
		l := &o.Lines[i]
		l.Schedule, l.Despatches = slices.Clone(l.Schedule), slices.Clone(l.Despatches)
	}
	o.Unmapped = slices.Clone(o.Unmapped)
	return o
}

// FuzzText checks the reading of texts and numbers, and the places of what is neither, against
// encoding/json.
func FuzzText(f *testing.F) {
	for _, s := range []string{
		`{"a":1,"b":[true,null,{"c":"}\"]"}],"":-0.5e3}`, `[]`, `{ }`, `"x"`, ` [ 1 , "2" ] `, `{"a":{"a":{"a":[[[{}]]]}}}`, `"ü\u00fc"`, `"\ud800"`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, value []byte) {
		var want any
		dec := json.NewDecoder(bytes.NewReader(value))
		dec.UseNumber()
		if !json.Valid(value) || dec.Decode(&want) != nil {
			return
		}
		var w struct {
			A text `json:"a"`
		}
		entry := slices.Concat([]byte(`{"x":[{}],"a" : `), value, []byte("}"))
		if err := unmarshal(entry, &w); err != nil {
			t.Fatal(err)
		}
		switch v := want.(type) {
		case nil, string:
			if s, _ := v.(string); w.A.bad || w.A.s != strings.TrimSpace(s) {
				t.Errorf("got %+v, want %q", w.A, v)
			}
		case json.Number:
			got, err := json.Number(w.A.s).Float64()
			if want, wrong := v.Float64(); wrong == nil && (err != nil || got != want) {
				t.Errorf("got %+v, want %s", w.A, v)
			}
		default:
			found := locate(entry, []note{{w.A.at, "why"}})
			if !w.A.bad || len(found) != 1 || found[0].path != "a" || string(entry[w.A.at.from:w.A.at.to]) != string(bytes.TrimSpace(value)) {
				t.Errorf("got %+v at %+v, want it marked", w.A, found)
			}
		}
	})
}

func TestPathsOfNotes(t *testing.T) {
	entry := []byte(`{"a":[{"b":1},{"b" : {"c":[10,"x"]}}],"d":null}`)
	for value, want := range map[string]string{`1`: "a[0].b", `10`: "a[1].b.c[0]", `"x"`: "a[1].b.c[1]", `null`: "d", `{"c":[10,"x"]}`: "a[1].b"} {
		at := bytes.Index(entry, []byte(value))
		got := locate(entry, []note{{span{at, at + len(value)}, "why"}})
		if len(got) != 1 || got[0].path != want || got[0].value != strings.Trim(value, `"`) {
			t.Errorf("%s: got %+v, want %q", value, got, want)
		}
	}
}

func BenchmarkDecode(b *testing.B) {
	raw, err := os.ReadFile("testdata/five-lines.json")
	if err != nil {
		b.Fatal(err)
	}
	var doc struct {
		Orders []json.RawMessage `json:"referencedOrder"`
	}
	if err := json.Unmarshal(raw, &doc); err != nil {
		b.Fatal(err)
	}
	for _, n := range []int{1, 160, 10_000} {
		var body bytes.Buffer
		body.WriteString(`{"documentID":"C1","variant":"1","errorHead":{"errorCode":"0"},"referencedOrder":[`)
		for i := range n {
			if i > 0 {
				body.WriteByte(',')
			}
			order := bytes.Replace(doc.Orders[0], []byte("SO10000001"), fmt.Appendf(nil, "SO%08d", i), 1)
			if err := json.Compact(&body, order); err != nil {
				b.Fatal(err)
			}
		}
		body.WriteString("]}")
		b.Run(fmt.Sprintf("orders=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(body.Len()))
			for b.Loop() {
				answer, err := decode(memory.NewMeter(b.Context()), bytes.NewReader(body.Bytes()), "michelin", "detroit")
				if err != nil || len(answer.Orders) != n {
					b.Fatalf("got %d orders and %v, want %d", len(answer.Orders), err, n)
				}
			}
		})
	}
}

// FuzzDecodeAdvices and FuzzDecodeInvoices check of the documents beside orders what
// FuzzDecode checks of orders.
func FuzzDecodeAdvices(f *testing.F) {
	seedDocuments(f, `{"errorHead":{"errorCode":"1"},"desadv":{"documentNumber":"\ud800","references":[[{}],{"referenceTypeCode":"BM"}],"lineLevel":[{"references":{}}]}}`)
	f.Fuzz(func(t *testing.T, body []byte) {
		answer, err := decodeAdvices(memory.NewMeter(t.Context()), bytes.NewReader(body), "michelin", "detroit")
		if err != nil {
			return
		}
		if !json.Valid(body) {
			t.Error("took what is not JSON")
		}
		seen := map[string]bool{}
		for _, a := range answer.Advices {
			if a.AdviceID == "" || seen[a.AdviceID] {
				t.Errorf("advice %q: has no id, or was told twice", a.AdviceID)
			}
			seen[a.AdviceID] = true
			again := a
			again.Tracking, again.Lines, again.Unmapped = slices.Clone(a.Tracking), slices.Clone(a.Lines), slices.Clone(a.Unmapped)
			if again.Normalize(); !reflect.DeepEqual(a, again) {
				t.Errorf("not normalized (-got +normalized):\n%s", cmp.Diff(a, again))
			}
		}
	})
}

func FuzzDecodeInvoices(f *testing.F) {
	seedDocuments(f, `{"documentID":"B3","invoice":{"documentNumber":1,"summary":{"totalAmount":1e3},"lineLevel":{"article":{"article":{"invoicedQuantity":-1}}}}}`)
	f.Fuzz(func(t *testing.T, body []byte) {
		answer, messages, err := decodeInvoices(memory.NewMeter(t.Context()), bytes.NewReader(body), "michelin", "detroit")
		if err != nil {
			return
		}
		if !json.Valid(body) || messages < len(answer.Invoices) {
			t.Errorf("took what is not JSON, or counted %d messages for %d invoices", messages, len(answer.Invoices))
		}
		seen := map[string]bool{}
		for _, i := range answer.Invoices {
			if i.Number == "" || seen[i.Number] {
				t.Errorf("invoice %q: has no number, or was told twice", i.Number)
			}
			seen[i.Number] = true
			again := i
			again.Lines, again.Unmapped = slices.Clone(i.Lines), slices.Clone(i.Unmapped)
			if again.Normalize(); !reflect.DeepEqual(i, again) {
				t.Errorf("not normalized (-got +normalized):\n%s", cmp.Diff(i, again))
			}
		}
	})
}

func seedDocuments(f *testing.F, further string) {
	f.Helper()
	files, err := filepath.Glob("testdata/documents/*.json")
	if err != nil || len(files) == 0 {
		f.Fatalf("samples: %v, %v", files, err)
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte(further))
}
