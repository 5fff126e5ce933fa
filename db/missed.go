package db

import (
	"database/sql"
	"slices"
	"time"

	"orderbeat/jobs"
)

// line is what makes up for each other: the jobs of one kind about one account.
type line struct{ account, kind string }

// asked is what a job asked for.
type asked struct {
	line
	id       string // in the order of which jobs were planned
	question jobs.Question
}

// missed finds the jobs of accounts that failed for want of a consent and that nothing
// made up for. names is a JSON list of the accounts, since is when the consent was found
// missing.
func (t *tx) missed(provider, names string, since time.Time) ([]asked, error) {
	var failed []asked
	open := map[line]bool{}
	err := t.each(unconsentedSQL, []any{provider, names}, func(rows *sql.Rows) error {
		var a asked
		err := rows.Scan(&a.id, &a.account, &a.kind, jsonInto{&a.question})
		failed = append(failed, a)
		open[a.line] = true
		return err
	})
	if err != nil || len(failed) == 0 {
		return nil, err
	}
	before, lately, err := t.succeeded(provider, names, failed[0].id, since, open)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(failed, func(f asked) bool {
		return f.id < before[f.line] || slices.ContainsFunc(lately, func(s asked) bool {
			return s.line == f.line && s.id > f.id && covers(s.question, f.question)
		})
	}), nil
}

// succeeded finds the jobs after one that succeeded: before is the last of each line that
// was planned before since, lately are those that were planned later. It reads
// backwards, and no further than it must: open are the lines that are of interest.
func (t *tx) succeeded(provider, names, after string, since time.Time, open map[line]bool) (before map[line]string, lately []asked, err error) {
	before = map[line]string{}
	err = t.each(succeededAfterSQL, []any{provider, names, after}, func(rows *sql.Rows) error {
		var s asked
		var planned time.Time
		if err := rows.Scan(&s.id, &s.account, &s.kind, jsonInto{&s.question}, timeInto{&planned}); err != nil || !open[s.line] {
			return err
		}
		if !planned.Before(since) {
			lately = append(lately, s)
			return nil
		}
		before[s.line] = s.id
		if delete(open, s.line); len(open) == 0 {
			return errEnough
		}
		return nil
	})
	return before, lately, err
}

const (
	unconsentedSQL = `
SELECT job_id, account, kind, question FROM jobs
 WHERE provider = ? AND account IN (SELECT value FROM json_each(?))
   AND state = 'failed' AND error_code = 'consent_required'
 ORDER BY job_id`

	succeededAfterSQL = `
SELECT job_id, account, kind, question, planned_at FROM jobs
 WHERE provider = ? AND account IN (SELECT value FROM json_each(?))
   AND state = 'succeeded' AND job_id > ?
 ORDER BY job_id DESC`
)

// covers reports whether a question asks for all that another one asks for.
func covers(q, other jobs.Question) bool {
	return (other.From == "" || q.From != "" && q.From <= other.From && other.To <= q.To) &&
		contains(q.OrderIDs, other.OrderIDs) && contains(q.References, other.References)
}

func contains(all, some []string) bool {
	return !slices.ContainsFunc(some, func(s string) bool { return !slices.Contains(all, s) })
}
