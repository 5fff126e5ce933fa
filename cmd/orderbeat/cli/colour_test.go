package cli // an inside test: no terminal is needed

import (
	"bytes"
	"regexp"
	"strings"
	"testing"
	"time"
)

func TestStatesAreColouredInAlignedTables(t *testing.T) {
	rows := func() [][]string {
		return [][]string{
			{"a", "succeeded", "3", "failed"}, {"b", "dead", "-", "\x1b[31mhostile"}, {"c", "queued", "1,200", "-"}, {"d", "rejected (1 of 3)", "1", ""},
		}
	}
	head := []string{"ID", "STATE", "COUNT", "TEXT"}
	var plain, coloured bytes.Buffer
	if err := PrintTable(NewTerminal(&plain), head, rows()); err != nil {
		t.Fatal(err)
	}
	w := NewTerminal(&coloured)
	w.(*terminal).colours = true
	if err := PrintTable(w, head, rows()); err != nil {
		t.Fatal(err)
	}
	got := coloured.String()
	for _, want := range []string{"\x1b[32msucceeded\x1b[0m  ", "\x1b[31mdead\x1b[0m ", "  queued ", "\x1b[31mrejected (1 of 3)\x1b[0m"} {
		if !strings.Contains(got, want) {
			t.Errorf("want %q in\n%q", want, got)
		}
	}
	codes := regexp.MustCompile("\x1b\\[[0-9]+m")
	if n := len(codes.FindAllString(got, -1)); n != 6 {
		t.Errorf("got %d colours in %q, want those of three states", n, got)
	}
	if codes.ReplaceAllString(got, "") != plain.String() {
		t.Errorf("got\n%s\nwant it aligned like\n%s", got, plain.String())
	}
	plain.Reset()
	coloured.Reset()
	PrintState(NewTerminal(&plain), "failed")
	PrintState(w, "failed")
	PrintState(w, "\x1b[32mfine")
	if plain.String() != "failed" || coloured.String() != "\x1b[31mfailed\x1b[0m [32mfine" {
		t.Errorf("got %q and %q", plain.String(), coloured.String())
	}
}

func TestTimesAreUTCOrLocal(t *testing.T) {
	at := time.Date(2026, 11, 29, 23, 30, 15, 0, time.UTC)
	utc, local := &App{}, &App{Zone: time.FixedZone("CET", 3600)}
	for got, want := range map[string]string{
		utc.Minute(at): "2026-11-29 23:30", local.Minute(at): "2026-11-30 00:30", local.Moment(at): "2026-11-30 00:30:15 CET",
		utc.Head("DUE"): "DUE (UTC)", local.Head("DUE"): "DUE (LOCAL)", local.Second(time.Time{}): "-",
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	since, err := local.ParseSince("since", "2026-11-29")
	if err != nil || since.UTC().Format(time.RFC3339) != "2026-11-28T23:00:00Z" {
		t.Errorf("got %s, %v, want midnight in the zone of the machine", since, err)
	}
}
