package main // an inside test: a main package cannot be imported

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"orderbeat/cmd/orderbeat/cli"
)

func TestSchemaCommand(t *testing.T) {
	for name, want := range map[string]string{
		"config": `"$id": "urn:orderbeat:schema:config:v1"`, "events": `"$id": "urn:orderbeat:schema:events:v1"`,
		"api": `"$id": "urn:orderbeat:schema:api:v1"`, "asyncapi": "asyncapi: 3.0.0",
	} {
		var stdout, stderr strings.Builder
		status := run(t.Context(), []string{"schema", name}, func(string) string { return "" }, &stdout, &stderr)
		if status != cli.Done || !strings.Contains(stdout.String(), want) {
			t.Errorf("schema %s: got status %d, %.100s%s; want %s", name, status, stdout.String(), stderr.String(), want)
		}
	}
	var stdout, stderr strings.Builder
	if status := run(t.Context(), []string{"schema", "orders"}, func(string) string { return "" }, &stdout, &stderr); status != cli.Usage {
		t.Errorf("schema orders: got status %d, want %d", status, cli.Usage)
	}
}

// TestConfigurationSchemaHasEveryKind compares the schema with the registry.
func TestConfigurationSchemaHasEveryKind(t *testing.T) {
	var stdout, stderr strings.Builder
	run(t.Context(), []string{"schema", "config"}, func(string) string { return "" }, &stdout, &stderr)
	var schema struct {
		Defs map[string]struct {
			Properties struct{ Kind struct{ Enum []string } }
		} `json:"$defs"`
	}
	if err := json.Unmarshal([]byte(stdout.String()), &schema); err != nil {
		t.Fatal(err)
	}
	got := slices.Concat(schema.Defs["MichelinProvider"].Properties.Kind.Enum, schema.Defs["DeclaredProvider"].Properties.Kind.Enum)
	slices.Sort(got)
	if diff := cmp.Diff(slices.Sorted(maps.Keys(providers)), got); diff != "" {
		t.Errorf("kinds of providers (-registry +schema), see kinds in cmd/orderbeat/contract:\n%s", diff)
	}
}
