package db_test

import (
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"orderbeat/clients"
	"orderbeat/db"
	"orderbeat/jobs"
)

// TestAlertsAboutDocumentsComeAndGoApart has an account of which invoices may not be seen.
func TestAlertsAboutDocumentsComeAndGoApart(t *testing.T) {
	d := open(t)
	forbidden := func(o *jobs.Outcome) {
		o.State, o.Err = jobs.Failed, &clients.Error{Code: clients.CodeForbidden, Message: "not yours", Hint: "ask"}
	}
	fine := func(*jobs.Outcome) {}
	const raised = "michelin detroit  forbidden raised"
	outcome(t, d, "invoice", noon, forbidden)
	for _, kind := range []string{"sync", "despatch", "check"} { // which succeed
		outcome(t, d, kind, noon, fine)
		if diff := cmp.Diff([]string{raised}, alerts(t, d, true)); diff != "" {
			t.Fatalf("after a %s that succeeded (-want +got):\n%s", kind, diff)
		}
	}
	list, err := d.Alerts(t.Context(), true)
	if err != nil || list[0].Message != "invoice: not yours" {
		t.Errorf("got %+v, %v, want the kind in the message", list, err)
	}
	outcome(t, d, "invoice", noon, fine)
	outcome(t, d, "sync", noon, forbidden)
	outcome(t, d, "invoice", noon, fine)
	if diff := cmp.Diff([]string{raised}, alerts(t, d, true)); diff != "" {
		t.Errorf("a sync's alert, after an invoice that succeeded (-want +got):\n%s", diff)
	}
	outcome(t, d, "check", noon, fine)
	if diff := cmp.Diff([]string{}, alerts(t, d, true)); diff != "" {
		t.Errorf("after a check that succeeded (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"michelin.forbidden.1.raised", "michelin.forbidden.1.resolved", "michelin.forbidden.2.raised", "michelin.forbidden.2.resolved"}, told(t, d)); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
}

func TestAlertsAboutDocumentsAreRememberedOverARestart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "orderbeat.db")
	first, err := db.Open(t.Context(), db.Options{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	outcome(t, first, "despatch", noon, func(o *jobs.Outcome) {
		o.State, o.Err = jobs.Failed, &clients.Error{Code: clients.CodeInvalid, Message: "errorCode 920"}
	})
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	d := openAt(t, path)
	outcome(t, d, "sync", noon, func(*jobs.Outcome) {})
	if got := alerts(t, d, true); len(got) != 1 {
		t.Errorf("after a sync: got %v, want the alert", got)
	}
	outcome(t, d, "despatch", noon, func(*jobs.Outcome) {})
	if got := alerts(t, d, true); len(got) != 0 {
		t.Errorf("after a despatch: got %v, want none", got)
	}
}
