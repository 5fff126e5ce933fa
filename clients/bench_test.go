package clients_test

import (
	"encoding/json"
	"slices"
	"strconv"
	"testing"

	"orderbeat/clients"
)

// fiveLines is a normalized order of five lines.
func fiveLines() clients.Order {
	o := sampleOrder()
	line := o.Lines[0]
	o.Lines = nil
	for i := range 5 {
		l := line
		l.LineID = "00" + strconv.Itoa(i+1)
		l.Schedule = append(slices.Clone(line.Schedule), clients.ScheduleLine{DeliveryOn: "2026-01-25", Amounts: clients.Amounts{Open: clients.Pieces(2)}})
		l.Despatches = slices.Clone(line.Despatches)
		o.Lines = append(o.Lines, l)
	}
	o.Normalize()
	return o
}

func BenchmarkNormalize(b *testing.B) {
	o := fiveLines()
	b.ReportAllocs()
	for b.Loop() {
		o.Normalize()
	}
}

func BenchmarkFingerprint(b *testing.B) {
	o := fiveLines()
	b.ReportAllocs()
	for b.Loop() {
		o.Fingerprint(nil)
	}
}

func BenchmarkDiff(b *testing.B) {
	before, after := fiveLines(), fiveLines()
	after.Status, after.Lines[2].Shipped = clients.StatusShipped, clients.Pieces(4)
	b.ReportAllocs()
	for b.Loop() {
		clients.Diff(&before, &after, nil)
	}
}

func BenchmarkMarshal(b *testing.B) {
	o := fiveLines()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := json.Marshal(&o); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppendJSON(b *testing.B) {
	o := fiveLines()
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		buf = o.AppendJSON(buf[:0])
	}
}
