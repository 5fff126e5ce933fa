package page

import (
	"context"
	"net/http"
	"time"

	"orderbeat/auth"
	"orderbeat/clients"
	"orderbeat/db/alerts"
	"orderbeat/db/reports"
	"orderbeat/jobs"
	"orderbeat/worker/api"
)

// recentRevisions and recentChanges bound the list of the latest changes.
const (
	recentRevisions = 12
	recentChanges   = 3
)

// leaderTimeout is how long the overview of a follower waits for the leader.
const leaderTimeout = 3 * time.Second

// day is the period of the statistics on the overview.
const day = 24 * time.Hour

type overviewBody struct {
	Alerts   []alerts.Alert
	More     int // alerts that are not shown
	Counts   reports.Counts
	Most     int
	Failed   int        // jobs that ended without success in a day
	Worst    jobs.State // worst state of these jobs
	Accounts []accountRow
	Unknown  string        // why Accounts is not available, "" if it is
	Fleet    []api.Process // set if there are several processes
	Self     string        // id of this process
	Recent   []recentRow
	States   []jobs.State
	Plots    []*plot
}

// recentRow is one of the latest revisions of all orders.
type recentRow struct {
	Order reports.RecentChange
	Row   revisionRow
}

// accountRow is the health of one account.
type accountRow struct {
	Provider, Environment, Account string
	LastSuccessAt, LastFailureAt   *time.Time
	FailureCode                    clients.Code
	Freshness                      string // fresh, stale or never
	FreshFor                       string
	Breaker                        clients.BreakerState
	BreakerUntil                   *time.Time
	Rate, RateNow                  string
	Credentials                    []credentialState
}

type credentialState struct {
	User  string
	State auth.State
}

// overview shows current problems and recent activity.
func (p *Page) overview(rw http.ResponseWriter, r *http.Request) error {
	ctx, store := r.Context(), p.DB.Reports()
	const shown = 20
	b := overviewBody{Most: reports.MaxCounted, States: []jobs.State{jobs.Queued, jobs.Running, jobs.Waiting}}
	var err error
	if b.Alerts, err = p.DB.Alerts(ctx, true); err != nil {
		return err
	}
	if len(b.Alerts) > shown {
		b.Alerts, b.More = b.Alerts[:shown], len(b.Alerts)-shown
	}
	if b.Counts, err = store.Counts(ctx, time.Now().Add(-day)); err != nil {
		return err
	}
	for _, state := range []jobs.State{jobs.Partial, jobs.Failed, jobs.Dead} {
		if b.Failed += b.Counts.Jobs[state]; b.Counts.Jobs[state] > 0 {
			b.Worst = state
		}
	}
	recent, err := store.RecentChanges(ctx, recentRevisions)
	if err != nil {
		return err
	}
	for _, c := range recent {
		b.Recent = append(b.Recent, recentRow{c, revisionOf(c.Revision, recentChanges)})
	}
	now := time.Now()
	points, sum, err := store.Activity(ctx, now.Add(-day), now)
	if err != nil {
		return err
	}
	b.Plots = activityPlots(points, sum)
	var providers api.Providers
	asking, cancel := context.WithTimeout(ctx, leaderTimeout)
	defer cancel()
	if err := p.Call(asking, "providers.list", struct{}{}, &providers); err != nil {
		if _, lag := p.Following(); lag == nil {
			return err
		}
		b.Unknown = err.Error() // show the rest: a follower has the orders
	}
	for _, provider := range providers.Providers {
		b.Accounts = append(b.Accounts, accountRows(provider)...)
	}
	if list := p.Fleet(); len(list) > 1 {
		b.Fleet, b.Self = list, p.Process
	}
	return p.show(rw, r, http.StatusOK, "overview.html", "overview", "Overview", b)
}

func accountRows(p api.Provider) []accountRow {
	rows := make([]accountRow, len(p.Accounts))
	for i, a := range p.Accounts {
		row := accountRow{
			Provider: p.Provider, Environment: p.Environment, Account: a.Account, LastSuccessAt: a.LastSuccessAt, LastFailureAt: a.LastFailureAt,
			FailureCode: a.FailureCode, FreshFor: p.FreshFor, Rate: p.Rate, RateNow: p.RateNow, Freshness: api.Freshness(p, a, time.Now()),
		}
		if a.LastFailureAt != nil && a.LastSuccessAt != nil && a.LastFailureAt.Before(*a.LastSuccessAt) {
			row.LastFailureAt, row.FailureCode = nil, "" // there was a success after it
		}
		if p.Breaker != nil {
			row.Breaker, row.BreakerUntil = p.Breaker.State, p.Breaker.Until
		}
		for _, c := range p.Credentials {
			row.Credentials = append(row.Credentials, credentialState{c.User, c.State})
		}
		rows[i] = row
	}
	return rows
}
