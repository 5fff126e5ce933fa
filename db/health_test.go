package db_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"orderbeat/auth"
	"orderbeat/clients"
	"orderbeat/db"
	"orderbeat/db/alerts"
	"orderbeat/db/dbtest"
)

// health returns the view, one line per row.
func health(t *testing.T, d *db.DB) string {
	t.Helper()
	text, err := d.Inspect().Value(t.Context(), `SELECT coalesce(group_concat(line, char(10)), '') FROM (
		SELECT concat_ws('|', provider, account, coalesce(last_success_at, '-'), coalesce(last_failure_at, '-'), coalesce(failure_code, '-'),
			coalesce(credential_state, '-'), CASE WHEN cooldown_until IS NULL THEN '-' ELSE 'cooldown' END, coalesce(alerts, '-')) AS line FROM provider_health)`)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestProviderHealthReflectsTheCurrentState(t *testing.T) {
	d := dbtest.Open(t)
	if got := health(t, d); got != "" {
		t.Errorf("of nothing: got %s", got)
	}
	later := time.Now().Add(time.Hour)
	credential := func(provider, user string, state auth.State, cooldown time.Time) {
		t.Helper()
		row := tokenRow(user, "sealed")
		row.Key, row.Provider, row.State, row.CooldownUntil = provider+"/"+user, provider, state, cooldown
		keepToken(t, d, row)
	}
	_, js := dbtest.Start(t, d, 3)
	js[1].Account, js[2].Account = "toledo", "toledo"
	if err := d.OnWriter(t.Context(), "UPDATE jobs SET account = 'toledo' WHERE job_id <> '"+js[0].ID+"'"); err != nil {
		t.Fatal(err)
	}
	dbtest.Commit(t, d, dbtest.Succeeded(js[0], dbtest.Noon))
	dbtest.Commit(t, d, dbtest.Succeeded(js[1], dbtest.Noon))
	dbtest.Commit(t, d, failedWith(js[2], clients.CodeForbidden, dbtest.Noon.Add(time.Minute)))
	credential("michelin", "", auth.StateValid, time.Time{})

	credential("mazda", "johndoe", auth.StateValid, dbtest.Noon) // the cooldown is over
	credential("mazda", "janedoe", auth.StateConsent, time.Time{})
	credential("mazda", "jimdoe", auth.StateRejected, time.Time{})
	raise(t, d, consentAlert("janedoe"))
	raise(t, d, alerts.Alert{Provider: "mazda", Code: "suspected_ip_block"})
	raise(t, d, alerts.Alert{Provider: "mazda", Account: "a", Code: "invalid"})
	for _, account := range []string{"a", "b"} {
		raise(t, d, alerts.Alert{Provider: "mazda", Account: account, Code: "stale"})
		if _, err := d.Resolve(t.Context(), "mazda", account, "", "stale"); err != nil {
			t.Fatal(err)
		}
	}

	credential("ptv", "", auth.StateRejected, later)
	raise(t, d, alerts.Alert{Provider: "shell", Code: "stale"})
	want := `mazda|a|-|-|-|rejected|-|consent_required (janedoe), suspected_ip_block, invalid
michelin|detroit|2026-11-20T12:00:00.000Z|-|-|valid|-|-
michelin|toledo|2026-11-20T12:00:00.000Z|2026-11-20T12:01:00.000Z|forbidden|valid|-|forbidden
ptv||-|-|-|rejected|cooldown|-
shell||-|-|-|-|-|stale`
	if diff := cmp.Diff(want, health(t, d)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestHealthUsesTheLastUsedCredential(t *testing.T) {
	d := dbtest.Open(t)
	old, current := tokenRow("", "sealed"), tokenRow("", "sealed")
	old.Key, old.State = "michelin/test", auth.StateRejected
	current.Key = "michelin/production"
	old.Provider, current.Provider = "michelin", "michelin"
	keepToken(t, d, old)
	keepToken(t, d, current)
	if err := d.OnWriter(t.Context(), "UPDATE credentials SET updated_at = '2026-11-20T12:00:00.000Z' WHERE key = 'michelin/test'"); err != nil {
		t.Fatal(err)
	}
	if got, want := health(t, d), "michelin||-|-|-|valid|-|-"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
