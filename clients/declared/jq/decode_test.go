package jq // inside, to decode without a provider

import (
	"runtime"
	"strings"
	"testing"

	"orderbeat/clients/memory"
)

// What is charged for a decoded answer is no less than what it takes.
func TestDecodedResponsesUseNoMoreMemoryThanCharged(t *testing.T) {
	for name, element := range map[string]string{
		"lists": `[]`, "lists of one": `[1]`, "objects": `{}`, "objects of one": `{"a":1}`, "objects of nine": `{"a":1,"b":1,"c":1,"d":1,"e":1,"f":1,"g":1,"h":1,"i":1}`,
		"texts": `"abc"`, "numbers": `12`, "an order": `{"id":"A1","status":"open","lines":[{"no":1,"sku":"X-1","qty":2},{"no":2,"sku":"X-2","qty":3}]}`,
	} {
		t.Run(name, func(t *testing.T) {
			const many = 50_000
			body := "[" + element + strings.Repeat(","+element, many-1) + "]"
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			v, charged := decodeCharged(t, body)
			runtime.GC()
			runtime.ReadMemStats(&after)
			runtime.KeepAlive(v)
			took := int64(after.HeapAlloc) - int64(before.HeapAlloc)
			if took > charged+charged/10 {
				t.Errorf("an element takes %d bytes, and %d are charged", took/many, charged/many)
			}
			if charged > 4*took {
				t.Errorf("an element takes %d bytes only, and %d are charged", took/many, charged/many)
			}
		})
	}
}

// decodeCharged decodes a text, and tells how much was charged for it.
func decodeCharged(t *testing.T, text string) (v any, charged int64) {
	t.Helper()
	const limit, step = 1 << 30, 64 << 10
	ctx, release := memory.NewPool(6*limit).Budget(t.Context(), "acme")
	defer release()
	v, err := Decode(memory.NewMeter(ctx), strings.NewReader(text), false)
	if err != nil {
		t.Fatal(err)
	}
	for charged = limit; memory.BudgetOf(ctx).Charge(ctx, step) == nil; {
		charged -= step
	}
	return v, charged
}
