package planner

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"orderbeat/clients"
	"orderbeat/db/alerts"
	"orderbeat/jobs"
)

// lookUp returns the configured targets and adds the data that planning needs: for a kind that follows open orders with
// these orders; for remap, the jobs that have recorded responses.
func (p *Planner) lookUp(ctx context.Context, targets map[string]jobs.Target, r jobs.Request) (map[string]jobs.Target, error) {
	target, known := targets[r.Provider]
	kind := jobs.Kinds[r.Kind]
	if !known || !kind.Follows && !kind.Remaps {
		return targets, nil
	}
	target.Open, target.Kept = map[string][]jobs.OpenOrder{}, map[string][]jobs.KeptJob{}
	for _, a := range target.Accounts {
		if len(r.Accounts) > 0 && !slices.Contains(r.Accounts, a.Name) {
			continue
		}
		var err error
		if kind.Remaps {
			target.Kept[a.Name], err = p.recordedJobs(ctx, r, a.Name)
		} else {
			target.Open[a.Name], err = p.DB.OpenOrders(ctx, r.Provider, a.Name)
		}
		if err != nil {
			return nil, err
		}
	}
	return map[string]jobs.Target{r.Provider: target}, nil
}

// recordedJobs returns the jobs of an account whose recorded responses a remap request selects. Invalid
// params select no jobs; planning reports the error.
func (p *Planner) recordedJobs(ctx context.Context, r jobs.Request, account string) ([]jobs.KeptJob, error) {
	which, err := jobs.ReadRemapping(r.Params)
	if err != nil {
		return nil, nil //nolint:nilerr // planning reports it
	}
	return p.DB.KeptJobs(ctx, r.Provider, account, which)
}

// codeTrackingStopped is the code of the alert about open orders that are no longer tracked.
const codeTrackingStopped clients.Code = "tracking_stopped"

// stopTracking raises the alert [codeTrackingStopped] for each account that has open orders older
// than the max_age of a track run, and resolves it for the other accounts of the run.
func (p *Planner) stopTracking(ctx context.Context, r jobs.Request, target jobs.Target) error {
	raised, err := p.Alerts.Raised(ctx, codeTrackingStopped)
	if err != nil {
		return err
	}
	var stopped []alerts.Alert
	for _, a := range target.Accounts {
		open, covered := target.Open[a.Name]
		if !covered {
			continue
		}
		orders, err := jobs.Stale(jobs.Planning{Params: r.Params, Account: a, Traits: target.Traits, Open: open, Now: time.Now()})
		if err != nil {
			return err
		}
		if len(orders) > 0 {
			stopped = append(stopped, alerts.Alert{
				Provider: r.Provider, Account: a.Name, Code: codeTrackingStopped,
				Message: "open orders older than max_age are no longer tracked: " + firstOf(orders),
				Hint:    "Contact the provider, or sync them once: runs." + r.Provider + ".fetch with order_ids. Raise max_age to track them longer.",
			})
		}
	}
	raised = slices.DeleteFunc(raised, func(a alerts.Alert) bool {
		_, covered := target.Open[a.Account]
		return a.Provider != r.Provider || !covered
	})
	return p.Alerts.Hold(ctx, raised, stopped)
}

// firstOf lists the ids of the first few orders.
func firstOf(orders []jobs.OpenOrder) string {
	const most = 5
	var names []string
	for _, o := range orders[:min(len(orders), most)] {
		names = append(names, o.OrderID)
	}
	if more := len(orders) - most; more > 0 {
		names = append(names, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(names, ", ")
}
