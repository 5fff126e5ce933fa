package runs

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"time"

	"orderbeat/clients"
	"orderbeat/db/alerts"
	"orderbeat/db/sqlite"
	"orderbeat/jobs"
)

// ResolveConsent records that a user granted access. If the consent alert is raised, it resolves the
// alert and, in the same transaction, starts catch-up runs for the jobs of these accounts that failed
// with a missing consent since the user's last consent, without duplicate queries. It returns the
// runs. Jobs that are running are not included: db.DB.Commit retries them if they fail.
func (s *Store) ResolveConsent(ctx context.Context, provider, user string, accounts []string, at time.Time) (runs []jobs.Run, err error) {
	names, err := sqlite.EncodeJSON(append([]string{}, accounts...)) // encodes an empty list as [], not null
	if err != nil {
		return nil, err
	}
	const rows = 64
	err = s.do(ctx, rows, sqlite.AsOpened, func(t Tx) error {
		runs = nil
		resolved, err := t.Alerts.Resolve(alerts.Account{Provider: provider}, user, []clients.Code{clients.CodeConsent}, at, "")
		if err != nil || len(resolved) == 0 {
			return err
		}
		missed, err := t.missed(provider, user, names)
		if err != nil {
			return err
		}
		for _, g := range slices.SortedFunc(maps.Keys(missed), missedGroup.compare) {
			r := jobs.Request{Provider: provider, Kind: g.kind, Trigger: jobs.ConsentTrigger(user)}
			run, js := jobs.PlanAgain(r, missed[g], g.slots, at)
			if err := t.Start(&run, js, nil); err != nil {
				return err
			}
			runs = append(runs, run)
		}
		return t.Alerts.SetAccounts(&resolved[0], names)
	})
	if err != nil {
		return nil, fmt.Errorf("consent of %s %s: %w", provider, user, err)
	}
	return runs, nil
}

// missedGroup groups the missed jobs that one catch-up run can contain: same kind and same number of
// low-priority slots.
type missedGroup struct {
	kind  string
	slots int
}

func (g missedGroup) compare(other missedGroup) int {
	return cmp.Or(cmp.Compare(g.kind, other.kind), cmp.Compare(g.slots, other.slots))
}

// missed returns the jobs that failed with a missing consent since the user's last consent, without
// duplicate queries. accounts is a JSON list.
func (t Tx) missed(provider, user, accounts string) (map[missedGroup][]jobs.Job, error) {
	var failed []jobs.Job
	groups := map[string]missedGroup{} // by job id
	err := t.Each(missedSQL, []any{provider, accounts, provider, user, sqlite.Stamp(time.Now())}, func(rows *sql.Rows) error {
		var j jobs.Job
		var slots int
		err := rows.Scan(&j.ID, &j.Account, &j.Kind, sqlite.JSON(&j.Question), sqlite.Number(&slots))
		failed = append(failed, j)
		groups[j.ID] = missedGroup{j.Kind, slots}
		return err
	})
	if err != nil || len(failed) == 0 {
		return nil, err
	}
	succeeded, err := sqlite.FetchIn(t.Tx, func(rows *sql.Rows) (j jobs.Job, err error) {
		err = rows.Scan(&j.ID, &j.Account, &j.Kind, sqlite.JSON(&j.Question))
		return j, err
	}, succeededAfterSQL, provider, accounts, failed[0].ID)
	missed := map[missedGroup][]jobs.Job{}
	for _, j := range jobs.Fewest(failed, succeeded) {
		missed[groups[j.ID]] = append(missed[groups[j.ID]], j)
	}
	return missed, err
}

const (
	// An alert without a list of accounts was not resolved by a consent. A consent in the future was
	// recorded before a backward clock change.
	missedSQL = `
SELECT j.job_id, j.account, j.kind, j.question, r.low_priority_slots FROM jobs AS j CROSS JOIN runs AS r USING (run_id)
 WHERE j.provider = ? AND j.account IN (SELECT value FROM json_each(?))
   AND j.state = 'failed' AND j.error_code = 'consent_required'
   AND j.finished_at >= (SELECT coalesce(max(a.resolved_at), '') FROM alerts AS a
        WHERE a.provider = ? AND a.user = ? AND a.code = 'consent_required' AND a.state = 'resolved'
          AND a.accounts IS NOT NULL AND a.resolved_at <= ?)
 ORDER BY j.job_id`

	succeededAfterSQL = `
SELECT job_id, account, kind, question FROM jobs
 WHERE provider = ? AND account IN (SELECT value FROM json_each(?)) AND state = 'succeeded' AND job_id > ?`
)

// RetryAfterConsent schedules an immediate retry of a job that failed with a missing consent if the
// consent was granted after the attempt started: the catch-up runs do not include this job. An
// attempt that started after the consent fails.
func (t Tx) RetryAfterConsent(o *jobs.Outcome) error {
	if o.State != jobs.Failed || o.Err == nil || o.Err.Code != clients.CodeConsent {
		return nil
	}
	granted, err := t.Alerts.ConsentGranted(o.Provider, o.Account, o.AskedAt)
	if err != nil || !granted {
		return err
	}
	o.State, o.NextAt = jobs.Waiting, o.FinishedAt
	return nil
}
