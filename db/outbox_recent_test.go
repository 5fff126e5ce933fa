package db_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"orderbeat/clients"
	"orderbeat/db/dbtest"
	"orderbeat/db/outbox"
)

// TestRecentMessagesAreThoseOfTheDatabase compares the messages that are handed over in memory with what the
// database returns for them, byte for byte.
func TestRecentMessagesAreThoseOfTheDatabase(t *testing.T) {
	d := dbtest.Open(t)
	today(t, d, "2026-11-28")
	strange := dbtest.Order("SO 1/ä<&>\u2028\"\\", true)
	strange.Reference, strange.Lines[0].Description = "", "<b>&amp;</b> \x01 ü\u2029"
	strange.Normalize()
	later := promised("SO3", "2026-11-20", "2026-12-24")
	dbtest.Observe(t, d, dbtest.Noon.Add(123456*time.Microsecond), dbtest.Order("SO2", false), strange, promised("SO3", "2026-11-20"))
	dbtest.Observe(t, d, dbtest.Noon.Add(time.Hour), dbtest.Order("SO2", true), later)
	dbtest.Observe(t, d, dbtest.Noon.Add(2*time.Hour), promised("SO3", "2026-11-21"))

	recent, complete := d.Recent()
	stored, _, err := d.Publishable(t.Context(), "orders", dbtest.Noon.AddDate(1, 0, 0), 100)
	if err != nil {
		t.Fatal(err)
	}
	types := map[string]int{}
	for _, m := range stored {
		types[m.Type]++
	}
	want := map[string]int{outbox.TypeOrderCreated: 3, outbox.TypeOrderChanged: 3, outbox.TypeOrderLate: 4}
	if diff := cmp.Diff(want, types); diff != "" {
		t.Fatalf("messages by type (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(stored, recent); diff != "" || !complete {
		t.Errorf("complete %v; recent messages (-database +memory):\n%s", complete, diff)
	}
	if again, complete := d.Recent(); len(again) > 0 || !complete {
		t.Errorf("the second call returned %d messages, complete %v; want 0, true", len(again), complete)
	}
}

func TestRecentMessagesAreIncomplete(t *testing.T) {
	d := dbtest.Open(t)
	dbtest.Observe(t, d, dbtest.Noon, dbtest.Order("SO1", false))
	d.Recent()
	advise(t, d, dbtest.Noon.Add(time.Hour), advice("BOL1", "SO1"))
	if messages, complete := d.Recent(); complete {
		t.Errorf("got %d messages about a despatch advice, complete", len(messages))
	}
	large := dbtest.Order("SO2", false)
	large.Lines[0].Description = clients.Text(strings.Repeat("x", 3<<20))
	large.Normalize()
	for i := range 4 {
		large.OrderID = fmt.Sprintf("SO%d", i+2)
		dbtest.Observe(t, d, dbtest.Noon.Add(2*time.Hour), large)
	}
	if messages, complete := d.Recent(); complete || len(messages) > 3 {
		t.Errorf("got %d messages of 3 MB, complete %v", len(messages), complete)
	}
}
