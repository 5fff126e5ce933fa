package diagnostics // an inside test: what is printed is made from a report, without the samples of real providers

import (
	"strings"
	"testing"
	"time"

	"orderbeat/clients"
	"orderbeat/clients/section"
	"orderbeat/cmd/orderbeat/config"
)

func TestCheckPrintsSampleCountAndWarnings(t *testing.T) {
	c := &config.Config{Providers: []config.Provider{{Config: section.Config{Name: "michelin"}}}}
	var text strings.Builder
	samples := map[string]clients.SampleReport{"michelin": {Tried: 3, Warnings: []string{`"x": order A: odd`}}}
	if err := checked(c, samples, time.Now()).print(&text); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"\n  3 samples tried: OK\n", "\nnote: provider michelin: sample \"x\": order A: odd\n"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("want %q in:\n%s", want, text.String())
		}
	}
}
