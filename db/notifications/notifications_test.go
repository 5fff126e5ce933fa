package notifications_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"orderbeat/clients"
	"orderbeat/db"
	"orderbeat/db/alerts"
	"orderbeat/db/dbtest"
	"orderbeat/db/notifications"
	"orderbeat/db/queryplan"
)

func TestNoQueryReadsAWholeTable(t *testing.T) {
	queryplan.Check(t, dbtest.Blank(t), notifications.Queries(), queryplan.Exceptions{})
}

func set(t *testing.T, d *db.DB, targets ...notifications.Target) {
	t.Helper()
	if err := d.Notifications().SetTargets(t.Context(), targets, time.Now()); err != nil {
		t.Fatal(err)
	}
}

func raise(t *testing.T, d *db.DB, provider, user string, code clients.Code) {
	t.Helper()
	if _, err := d.Raise(t.Context(), alerts.Alert{Provider: provider, User: user, Code: code, Message: "m", Hint: "h"}); err != nil {
		t.Fatal(err)
	}
}

func resolve(t *testing.T, d *db.DB, user string) {
	t.Helper()
	if _, err := d.Resolve(t.Context(), "mazda", "", user, clients.CodeConsent); err != nil {
		t.Fatal(err)
	}
}

// sent is what a target receives, one group after the other.
func sent(t *testing.T, d *db.DB, target string) []string {
	t.Helper()
	var groups []string
	for {
		next, err := d.Notifications().Next(t.Context(), target)
		if err != nil {
			t.Fatal(err)
		}
		if len(next) == 0 {
			return groups
		}
		var users []string
		for _, n := range next {
			users = append(users, n.User)
		}
		groups = append(groups, fmt.Sprintf("%s %s %s", next[0].State, next[0].Code, strings.Join(users, ",")))
		if err := d.Notifications().Delete(t.Context(), next); err != nil {
			t.Fatal(err)
		}
	}
}

func want(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: got %q, want %q", what, got, want)
	}
}

func TestEachTransitionIsQueuedOnceForEachTarget(t *testing.T) {
	d := dbtest.Open(t)
	set(t, d, notifications.Target{Name: "all"}, notifications.Target{Name: "mazda", Providers: []string{"mazda"}},
		notifications.Target{Name: "consents", Codes: []clients.Code{"consent_required"}})
	raise(t, d, "mazda", "ann", "consent_required")
	raise(t, d, "mazda", "ann", "consent_required")
	raise(t, d, "shell", "", "stale")
	resolve(t, d, "ann")
	resolve(t, d, "ann")
	want(t, "all", sent(t, d, "all"), "raised consent_required ann", "raised stale ", "resolved consent_required ann")
	want(t, "of one provider", sent(t, d, "mazda"), "raised consent_required ann", "resolved consent_required ann")
	want(t, "of one code", sent(t, d, "consents"), "raised consent_required ann", "resolved consent_required ann")
	want(t, "again", sent(t, d, "all"))
}

func TestGroupsKeepTheOrderOfACode(t *testing.T) {
	d := dbtest.Open(t)
	set(t, d, notifications.Target{Name: "all"})
	raise(t, d, "mazda", "ann", "consent_required")
	raise(t, d, "mazda", "", "stale")
	raise(t, d, "mazda", "bob", "consent_required")
	resolve(t, d, "ann")
	raise(t, d, "mazda", "ann", "consent_required")
	want(t, "groups", sent(t, d, "all"), "raised consent_required ann,bob", "raised stale ", "resolved consent_required ann", "raised consent_required ann")
}

func TestNewTargetIsNotifiedOfRaisedAlerts(t *testing.T) {
	d := dbtest.Open(t)
	raise(t, d, "mazda", "ann", "consent_required")
	raise(t, d, "mazda", "bob", "consent_required")
	resolve(t, d, "bob")
	set(t, d, notifications.Target{Name: "all"}, notifications.Target{Name: "shell", Providers: []string{"shell"}})
	set(t, d, notifications.Target{Name: "all"})
	want(t, "new", sent(t, d, "all"), "raised consent_required ann")
	raise(t, d, "mazda", "bob", "consent_required")
	set(t, d, notifications.Target{Name: "other", Codes: []clients.Code{"stale"}})
	want(t, "removed", sent(t, d, "all"))
	want(t, "filtered", sent(t, d, "other"))
}

func TestTrimKeepsTheNewest(t *testing.T) {
	d := dbtest.Open(t)
	set(t, d, notifications.Target{Name: "all"}, notifications.Target{Name: "other"})
	for _, user := range []string{"ann", "bob", "eve"} {
		raise(t, d, "mazda", user, "consent_required")
	}
	if n, err := d.Notifications().Trim(t.Context(), "all", 2); n != 1 || err != nil {
		t.Errorf("got %d deleted, %v, want 1", n, err)
	}
	if n, err := d.Notifications().Trim(t.Context(), "all", 2); n != 0 || err != nil {
		t.Errorf("got %d deleted, %v, want none", n, err)
	}
	want(t, "trimmed", sent(t, d, "all"), "raised consent_required bob,eve")
	want(t, "the other target", sent(t, d, "other"), "raised consent_required ann,bob,eve")
}
