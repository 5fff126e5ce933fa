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
		answer, err := decode(clients.NewMeter(t.Context()), bytes.NewReader(body), "michelin", "detroit")
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

// FuzzNode checks the reading of JSON text against encoding/json.
func FuzzNode(f *testing.F) {
	for _, s := range []string{
		`{"a":1,"b":[true,null,{"c":"}\"]"}],"":-0.5e3}`, `[]`, `{ }`, `"x"`, ` [ 1 , "2" ] `, `{"a":{"a":{"a":[[[{}]]]}}}`, `"ü\u00fc"`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var want any
		dec := json.NewDecoder(bytes.NewReader(text))
		dec.UseNumber()
		if !json.Valid(text) || dec.Decode(&want) != nil {
			return
		}
		if got := tree(node(bytes.TrimSpace(text))); !reflect.DeepEqual(got, want) {
			t.Errorf("got %#v, want %#v", got, want)
		}
	})
}

// tree is a node as encoding/json would decode it.
func tree(n node) any {
	switch n.kind() {
	case '{':
		m := map[string]any{}
		for c := n.members(); c.next(); {
			var name string
			if err := json.Unmarshal(slices.Concat([]byte{'"'}, c.name, []byte{'"'}), &name); err != nil {
				return err
			}
			m[name] = tree(c.value)
		}
		return m
	case '[':
		list := []any{}
		for c := n.each(); c.next(); {
			list = append(list, tree(c.value))
		}
		return list
	case '"':
		var s string
		if err := json.Unmarshal(n, &s); err != nil {
			return err
		}
		if text, ok := n.text(); !ok || text != strings.TrimSpace(s) {
			return fmt.Errorf("text is %q", text)
		}
		return s
	case 't', 'f':
		return n.kind() == 't'
	case 'n':
		return nil
	}
	return json.Number(n)
}

func TestPathsOfNodes(t *testing.T) {
	root := node(`{"a":[{"b":1},{"b" : {"c":[10,"x"]}}],"d":null}`)
	for text, want := range map[string]string{`1}`: "a[0].b", `10`: "a[1].b.c[0]", `"x"`: "a[1].b.c[1]", `null`: "d", `{"c"`: "a[1].b"} {
		at := bytes.Index(root, []byte(text))
		part := root[at : at+valueLen(root[at:])]
		if got := root.pathTo(part); got != want {
			t.Errorf("%s: got %q, want %q", part, got, want)
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
				answer, err := decode(clients.NewMeter(b.Context()), bytes.NewReader(body.Bytes()), "michelin", "detroit")
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
		answer, err := decodeAdvices(clients.NewMeter(t.Context()), bytes.NewReader(body), "michelin", "detroit")
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
		answer, messages, err := decodeInvoices(clients.NewMeter(t.Context()), bytes.NewReader(body), "michelin", "detroit")
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
