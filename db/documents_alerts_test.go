package db_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"orderbeat/clients"
	"orderbeat/db"
	"orderbeat/db/alerts"
	"orderbeat/db/dbtest"
	"orderbeat/jobs"
)

// TestDocumentAlertsAreSeparate uses an account without access to invoices.
func TestDocumentAlertsAreSeparate(t *testing.T) {
	d := dbtest.Open(t)
	forbidden := func(o *jobs.Outcome) {
		o.State, o.Err = jobs.Failed, &clients.Error{Code: clients.CodeForbidden, Message: "not yours", Hint: "ask"}
	}
	fine := func(*jobs.Outcome) {}
	const raised = "michelin detroit  forbidden raised"
	outcome(t, d, "invoice", dbtest.Noon, forbidden)
	for _, kind := range []string{"sync", "despatch", "check"} { // these succeed
		outcome(t, d, kind, dbtest.Noon, fine)
		if diff := cmp.Diff([]string{raised}, alertCodes(t, d, true)); diff != "" {
			t.Fatalf("after a %s that succeeded (-want +got):\n%s", kind, diff)
		}
	}
	list, err := d.Alerts(t.Context(), true)
	if err != nil || list[0].Message != "invoice: not yours" {
		t.Errorf("got %+v, %v, want the kind in the message", list, err)
	}
	outcome(t, d, "invoice", dbtest.Noon, fine)
	outcome(t, d, "sync", dbtest.Noon, forbidden)
	outcome(t, d, "invoice", dbtest.Noon, fine)
	if diff := cmp.Diff([]string{raised}, alertCodes(t, d, true)); diff != "" {
		t.Errorf("a sync's alert, after an invoice that succeeded (-want +got):\n%s", diff)
	}
	outcome(t, d, "check", dbtest.Noon, fine)
	if diff := cmp.Diff([]string{raised}, alertCodes(t, d, true)); diff != "" {
		t.Errorf("a sync's alert, after a check that succeeded (-want +got):\n%s", diff)
	}
	outcome(t, d, "sync", dbtest.Noon, fine)
	if diff := cmp.Diff([]string{}, alertCodes(t, d, true)); diff != "" {
		t.Errorf("after a sync that succeeded (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"michelin.forbidden.1.raised", "michelin.forbidden.1.resolved", "michelin.forbidden.2.raised", "michelin.forbidden.2.resolved"}, publishedAlerts(t, d)); diff != "" {
		t.Errorf("published (-want +got):\n%s", diff)
	}
}

func TestDocumentAlertsSurviveARestart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "orderbeat.db")
	first, err := db.Open(t.Context(), db.Options{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	outcome(t, first, "despatch", dbtest.Noon, func(o *jobs.Outcome) {
		o.State, o.Err = jobs.Failed, &clients.Error{Code: clients.CodeInvalid, Message: "errorCode 920"}
	})
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	d := dbtest.OpenAt(t, path)
	outcome(t, d, "sync", dbtest.Noon, func(*jobs.Outcome) {})
	if got := alertCodes(t, d, true); len(got) != 1 {
		t.Errorf("after a sync: got %v, want the alert", got)
	}
	outcome(t, d, "despatch", dbtest.Noon, func(*jobs.Outcome) {})
	if got := alertCodes(t, d, true); len(got) != 0 {
		t.Errorf("after a despatch: got %v, want none", got)
	}
}

// TestAlertsWithOneCodeDifferByKind uses an account that is rejected for orders, for invoices and by a
// check.
func TestAlertsWithOneCodeDifferByKind(t *testing.T) {
	d := dbtest.Open(t)
	forbidden := func(o *jobs.Outcome) {
		o.State, o.Err = jobs.Failed, &clients.Error{Code: clients.CodeForbidden, Message: "not yours", Hint: "ask"}
	}
	fine := func(*jobs.Outcome) {}
	kinds := func() (raised []string) {
		t.Helper()
		list, err := d.Alerts(t.Context(), true)
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range list {
			raised = append(raised, a.Kind)
		}
		slices.Sort(raised)
		return raised
	}
	for _, kind := range []string{"sync", "invoice", "check"} {
		outcome(t, d, kind, dbtest.Noon, forbidden)
		outcome(t, d, kind, dbtest.Noon, forbidden)
	}
	if diff := cmp.Diff([]string{"", "check", "invoice"}, kinds()); diff != "" {
		t.Errorf("raised (-want +got):\n%s", diff)
	}
	if counts, err := d.RaisedAlerts(t.Context()); err != nil || counts[alerts.AlertKey{Provider: "michelin", Code: clients.CodeForbidden}] != 3 {
		t.Errorf("got %v, %v, want 3", counts, err)
	}
	outcome(t, d, "check", dbtest.Noon, fine)
	if diff := cmp.Diff([]string{"", "invoice"}, kinds()); diff != "" {
		t.Errorf("after a check that succeeded (-want +got):\n%s", diff)
	}
	outcome(t, d, "check", dbtest.Noon, forbidden)
	outcome(t, d, "sync", dbtest.Noon, fine)
	if diff := cmp.Diff([]string{"invoice"}, kinds()); diff != "" {
		t.Errorf("after a sync that succeeded, which proves what a check does (-want +got):\n%s", diff)
	}
	list, err := d.Alerts(t.Context(), true)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.ResolveAlerts(t.Context(), list); err != nil {
		t.Fatal(err)
	}
	if got := kinds(); len(got) != 0 {
		t.Errorf("got %v, want each resolved by itself, whatever its kind", got)
	}
}

// TestAllRaisedAlertsAreListed raises more alerts than the limit of the list of all.
func TestAllRaisedAlertsAreListed(t *testing.T) {
	d := dbtest.Open(t)
	const many = 1200
	for i := range many {
		if _, err := d.Raise(t.Context(), alerts.Alert{Provider: "michelin", Account: fmt.Sprint(i), Code: "stale"}); err != nil {
			t.Fatal(err)
		}
	}
	if list, err := d.Alerts(t.Context(), true); err != nil || len(list) != many {
		t.Errorf("got %d, %v, want %d", len(list), err, many)
	}
}
