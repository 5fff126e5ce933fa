package db_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"orderbeat/clients"
	"orderbeat/db"
	"orderbeat/db/dbtest"
	"orderbeat/db/outbox"
	"orderbeat/jobs"
)

// about commits the outcome of a job with query q at the given time after noon.
func about(t *testing.T, d *db.DB, after time.Duration, q jobs.Question, change func(*jobs.Outcome), orders ...clients.Order) {
	t.Helper()
	run, js := dbtest.Plan(1)
	run.Kind, js[0].Kind, js[0].Question = "track", "track", q
	if q.From != "" {
		run.Kind, js[0].Kind = "sync", "sync"
	}
	if _, _, err := d.StartRun(t.Context(), run, js); err != nil {
		t.Fatal(err)
	}
	o := dbtest.Succeeded(js[0], dbtest.Noon.Add(after), orders...)
	if change != nil {
		change(&o)
	}
	dbtest.Commit(t, d, o)
}

// byNumber is a query for orders by number.
func byNumber(ids ...string) jobs.Question { return jobs.Question{OrderIDs: ids} }

// vanishings returns the orders of the vanished events in the outbox, in publishing order.
func vanishings(t *testing.T, d *db.DB) (ids []string) {
	t.Helper()
	seen := map[string]bool{}
	for _, m := range dbtest.Pending(t, d, dbtest.Noon.AddDate(1, 0, 0)) {
		if m.Type != outbox.TypeOrderVanished {
			continue
		}
		if seen[m.MsgID] {
			t.Errorf("%s is there twice", m.MsgID)
		}
		seen[m.MsgID] = true
		id, _, _ := strings.Cut(strings.TrimPrefix(m.MsgID, "michelin.detroit."), ".")
		ids = append(ids, id)
	}
	return ids
}

func TestOrderVanishesOnceUntilItIsSeenAgain(t *testing.T) {
	d := dbtest.Open(t)
	dbtest.Observe(t, d, dbtest.Noon, dbtest.Order("SO1", false), dbtest.Order("SO2", false))
	about(t, d, time.Minute, byNumber("SO1", "SO2"), nil, dbtest.Order("SO2", false))
	about(t, d, 2*time.Minute, byNumber("SO1", "SO2"), nil, dbtest.Order("SO2", false))
	if diff := cmp.Diff([]string{"SO1"}, vanishings(t, d)); diff != "" {
		t.Errorf("after two responses without SO1 (-want +got):\n%s", diff)
	}
	stored, _, err := d.Order(t.Context(), "michelin", "detroit", "SO1")
	if err != nil || stored.NotFoundSince == nil || !stored.NotFoundSince.Equal(dbtest.Noon.Add(time.Minute)) || stored.Status != clients.StatusScheduled || stored.Revision != 1 {
		t.Errorf("got %+v, %v, want SO1 unchanged, and not found since the first of these responses", stored, err)
	}

	dbtest.Observe(t, d, dbtest.Noon.Add(3*time.Minute), dbtest.Order("SO1", false)) // unchanged
	if stored, _, err = d.Order(t.Context(), "michelin", "detroit", "SO1"); err != nil || stored.NotFoundSince != nil {
		t.Errorf("got not found since %v, %v, want it found again", stored.NotFoundSince, err)
	}
	about(t, d, 4*time.Minute, byNumber("SO1"), nil)
	dbtest.Observe(t, d, dbtest.Noon.Add(5*time.Minute), dbtest.Order("SO1", true)) // changed
	about(t, d, 6*time.Minute, byNumber("SO1"), nil)
	if diff := cmp.Diff([]string{"SO1", "SO1", "SO1"}, vanishings(t, d)); diff != "" {
		t.Errorf("after it came back twice (-want +got):\n%s", diff)
	}
	all := dbtest.Pending(t, d, dbtest.Noon.AddDate(1, 0, 0))
	changed := slices.IndexFunc(all, func(m outbox.Message) bool { return m.Type == outbox.TypeOrderChanged })
	if last := all[len(all)-1]; changed < 0 || last.Type != outbox.TypeRunFinished && last.Type != outbox.TypeOrderVanished {
		t.Errorf("got %s last, want the vanished event after the change", last.Type)
	}
	dbtest.CheckConsistent(t, d)
}

// Only a complete response of the provider for the order makes it vanish.
func TestOrderVanishesForOneReasonOnly(t *testing.T) {
	ended := func(status clients.Status) clients.Order {
		o := dbtest.Order("SO1", false)
		o.Status = status
		o.Normalize()
		return o
	}
	for name, c := range map[string]struct {
		stored clients.Order
		query  jobs.Question
		change func(*jobs.Outcome)
	}{
		"a partial response": {dbtest.Order("SO1", false), byNumber("SO1"), func(o *jobs.Outcome) {
			o.State, o.Err = jobs.Partial, &clients.Error{Code: clients.CodeInvalid, Message: "some are wrong"}
		}},
		"an outage":                    {dbtest.Order("SO1", false), byNumber("SO1"), func(o *jobs.Outcome) { *o = dbtest.Failed(o.Job, jobs.Waiting, o.AskedAt) }},
		"a failure":                    {dbtest.Order("SO1", false), byNumber("SO1"), func(o *jobs.Outcome) { *o = dbtest.Failed(o.Job, jobs.Dead, o.AskedAt) }},
		"a number that was never seen": {dbtest.Order("SO1", false), byNumber("SO404"), nil},
		"a reference":                  {dbtest.Order("SO1", false), jobs.Question{References: []string{"PO-SO1"}}, nil},
		"a window":                     {dbtest.Order("SO1", false), jobs.Question{From: "2026-11-01", To: "2026-11-20"}, nil},
		"a delivered order":            {ended(clients.StatusDelivered), byNumber("SO1"), nil},
		"a cancelled order":            {ended(clients.StatusCancelled), byNumber("SO1"), nil},
		"an answer from before":        {dbtest.Order("SO1", false), byNumber("SO1"), func(o *jobs.Outcome) { o.AskedAt = dbtest.Noon.Add(-time.Hour) }},
	} {
		t.Run(name, func(t *testing.T) {
			d := dbtest.Open(t)
			dbtest.Observe(t, d, dbtest.Noon, c.stored)
			about(t, d, time.Minute, c.query, c.change)
			if got := vanishings(t, d); len(got) != 0 {
				t.Errorf("got %v vanished, want none", got)
			}
		})
	}
}

// A response to an earlier request that still has the order does not undo a later "not found".
func TestSlowResponseDoesNotBringAnOrderBack(t *testing.T) {
	for name, late := range map[string]clients.Order{"unchanged": dbtest.Order("SO1", false), "changed": dbtest.Order("SO1", true)} {
		t.Run(name, func(t *testing.T) {
			d := dbtest.Open(t)
			dbtest.Observe(t, d, dbtest.Noon, dbtest.Order("SO1", false))
			about(t, d, 2*time.Minute, byNumber("SO1"), nil)
			dbtest.Observe(t, d, dbtest.Noon.Add(time.Minute), late)
			about(t, d, 3*time.Minute, byNumber("SO1"), nil)
			if diff := cmp.Diff([]string{"SO1"}, vanishings(t, d)); diff != "" {
				t.Errorf("vanished (-want +got):\n%s", diff)
			}
		})
	}
}

// unlisted returns the open orders that are missing in the newest complete response for their date.
func unlisted(t *testing.T, d *db.DB) string {
	t.Helper()
	open, err := d.OpenOrders(t.Context(), "michelin", "detroit")
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, o := range open {
		if o.Unlisted {
			ids = append(ids, o.OrderID)
		}
	}
	return strings.Join(ids, " ")
}

// A narrower range that is requested more often does not hide orders missing in a wider one.
func TestOrdersAreUnlistedByTheRangeWithoutThem(t *testing.T) {
	d := dbtest.Open(t)
	about(t, d, 0, jobs.Question{From: "2026-10-01", To: "2026-11-30"}, nil, dbtest.Order("SO1", false))
	about(t, d, time.Minute, jobs.Question{From: "2026-10-01", To: "2026-11-30"}, nil)
	about(t, d, 2*time.Minute, jobs.Question{From: "2026-11-29", To: "2026-11-30"}, nil)
	if got := unlisted(t, d); got != "SO1" {
		t.Errorf("got %q, want SO1", got)
	}
}

func TestCompleteResponsesAreDeletedAfter35Days(t *testing.T) {
	window := jobs.Question{From: "2026-11-06", To: "2026-11-20"}
	for days, want := range map[int]string{34: "SO1", 36: ""} {
		t.Run(fmt.Sprintf("%d days", days), func(t *testing.T) {
			d := dbtest.Open(t)
			then := time.Since(dbtest.Noon) - time.Duration(days)*24*time.Hour
			about(t, d, then-time.Hour, window, nil, dbtest.Order("SO1", false))
			about(t, d, then, window, nil)
			if _, err := d.AccountDate(t.Context(), "michelin", "detroit", "UTC", "2026-11-20"); err != nil {
				t.Fatal(err)
			}
			if got := unlisted(t, d); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

// An order that is missing in a complete response for its window is tracked at any age until it is seen
// again.
func TestUnlistedOrderIsTracked(t *testing.T) {
	window := jobs.Question{From: "2026-11-06", To: "2026-11-20"}
	partial := func(o *jobs.Outcome) {
		o.State, o.Err = jobs.Partial, &clients.Error{Code: clients.CodeInvalid, Message: "some are wrong"}
	}
	old, done := dbtest.Order("SO2", false), dbtest.Order("SO3", false)
	old.OrderedOn, done.Status = "2026-10-01", clients.StatusDelivered
	done.Normalize()
	d := dbtest.Open(t)
	about(t, d, 0, window, nil, dbtest.Order("SO1", false), old, done, dbtest.Order("SO4", false))
	about(t, d, time.Minute, window, partial, dbtest.Order("SO4", false))
	about(t, d, time.Minute, jobs.Question{From: "2026-11-18", To: "2026-11-20"}, nil)
	if got := unlisted(t, d); got != "" {
		t.Errorf("got %q, want none: no complete response covers SO1", got)
	}
	about(t, d, 2*time.Minute, window, nil, dbtest.Order("SO4", false))
	if got := unlisted(t, d); got != "SO1" {
		t.Errorf("got %q, want SO1: SO2 is older than the window, SO3 delivered, SO4 listed", got)
	}
	about(t, d, time.Minute, window, nil, dbtest.Order("SO1", false)) // an earlier response
	about(t, d, 3*time.Minute, byNumber("SO1"), nil, dbtest.Order("SO1", false))
	if got := unlisted(t, d); got != "" {
		t.Errorf("got %q, want none since SO1 was seen by its number", got)
	}
	if got := vanishings(t, d); len(got) != 0 {
		t.Errorf("got %v vanished, want none", got)
	}
	dbtest.CheckConsistent(t, d)
}

func TestVanishedEventIsPublic(t *testing.T) {
	d := dbtest.Open(t)
	dbtest.Observe(t, d, dbtest.Noon, dbtest.Order("SO1", false))
	run, js := dbtest.Plan(1)
	run.ID, js[0].ID, js[0].RunID = "RUN", "JOB", "RUN"
	run.Kind, js[0].Kind, js[0].Question = "track", "track", byNumber("SO1")
	if _, _, err := d.StartRun(t.Context(), run, js); err != nil {
		t.Fatal(err)
	}
	dbtest.Commit(t, d, dbtest.Succeeded(js[0], dbtest.Noon.Add(time.Hour)))
	for _, m := range dbtest.Pending(t, d, dbtest.Noon.AddDate(1, 0, 0)) {
		if m.Type == outbox.TypeOrderVanished {
			dbtest.Golden(t, "order-vanished.txt", m.Subject+"\n"+m.MsgID+"\n"+m.CESubject+"\n"+dbtest.Indented(t, m.Body))
			return
		}
	}
	t.Error("no vanished event in the outbox")
}
