package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"orderbeat/clients"
	"orderbeat/jobs"
)

// consentTrigger begins the trigger, and the key, of a run that a consent asked for.
const consentTrigger = "consent:"

// ResolveConsent notes that a user granted access at a time. If the alert that asks for
// it is raised, it is resolved, and in the same transaction runs are asked for that make
// up for what was missed: the jobs of these accounts that failed for want of the
// consent, and after which none of the same account and kind succeeded. One that
// succeeded since the alert was raised counts only if it asked for as much. A job that is
// in hand meanwhile is in none of these runs: [DB.Commit] lets it wait should it fail so.
//
// It returns the requests, which are in the outbox as those of ticks are. Their key
// leads [DB.StartRun] to their trigger, "consent:<user>".
func (d *DB) ResolveConsent(ctx context.Context, provider, user string, accounts []string, at time.Time) (requests []jobs.Request, err error) {
	names, err := encode(append([]string{}, accounts...)) // a list even of none
	if err != nil {
		return nil, err
	}
	const rows = 8 // a handful of messages; it is a person who waits
	err = d.writer.do(ctx, rows, false, func(t *tx) error {
		resolved, err := t.resolve(account{provider: provider}, user, []clients.Code{clients.CodeConsent}, at, "")
		if err != nil || len(resolved) == 0 {
			return err
		}
		alert := resolved[0]
		if _, err := t.exec(consentedSQL, names, alert.id); err != nil {
			return err
		}
		missed, err := t.missed(provider, names, alert.Since)
		if err != nil {
			return err
		}
		if requests, err = makeUp(missed, clients.DateOf(at.UTC())); err != nil {
			return err
		}
		for i := range requests {
			r := &requests[i]
			r.Provider, r.Trigger = provider, consentTrigger+user
			r.Key = fmt.Sprintf("%s%s@%d.%d.%s", consentTrigger, Token(user), alert.id, i+1, Token(r.Kind))
			message, err := requestEntry(r, r.Key, at)
			if err != nil {
				return err
			}
			if err := t.put(message); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("consent of %s %s: %w", provider, user, err)
	}
	return requests, nil
}

const consentedSQL = `UPDATE alerts SET accounts = ? WHERE alert_id = ?`

// linkConsent gives a run its trigger if a consent asked for it. Who sends a message
// can choose its key; but which consents there were is known here.
func (t *tx) linkConsent(run *jobs.Run) error {
	key, ok := strings.CutPrefix(run.Key, consentTrigger)
	if !ok {
		return nil
	}
	name, rest, _ := strings.Cut(key, "@")
	number, _, _ := strings.Cut(rest, ".")
	id, err := strconv.ParseInt(number, 10, 64)
	if err != nil {
		return nil //nolint:nilerr // somebody's own key, which names no consent
	}
	var user string
	err = t.row(consentSQL, []any{id, run.Provider}, &user)
	if errors.Is(err, sql.ErrNoRows) || err == nil && Token(user) != name {
		return nil
	}
	run.Trigger = consentTrigger + user
	return err
}

const consentSQL = `
SELECT user FROM alerts WHERE alert_id = ? AND provider = ? AND code = 'consent_required' AND state = 'resolved'`
