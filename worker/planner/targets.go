package planner

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"orderbeat/clients"
	"orderbeat/db"
	"orderbeat/jobs"
)

// lookUp adds to what is known of a provider what a kind is planned with: the open orders
// of its accounts, for one that follows them, or the jobs whose answers are kept.
func (p *Planner) lookUp(ctx context.Context, r jobs.Request) (map[string]jobs.Target, error) {
	target, known := p.targets[r.Provider]
	kind := jobs.Kinds[r.Kind]
	if !known || !kind.Follows && !kind.Remaps {
		return p.targets, nil
	}
	target.Open, target.Kept = map[string][]jobs.OpenOrder{}, map[string][]jobs.KeptJob{}
	for _, a := range target.Accounts {
		if len(r.Accounts) > 0 && !slices.Contains(r.Accounts, a.Name) {
			continue
		}
		var err error
		if kind.Remaps {
			target.Kept[a.Name], err = p.kept(ctx, r, a.Name)
		} else {
			target.Open[a.Name], err = p.db.OpenOrders(ctx, r.Provider, a.Name)
		}
		if err != nil {
			return nil, err
		}
	}
	return map[string]jobs.Target{r.Provider: target}, nil
}

// kept finds the jobs of an account whose answers a request wants mapped again. Params
// that cannot be read find none: planning tells what is wrong with them.
func (p *Planner) kept(ctx context.Context, r jobs.Request, account string) ([]jobs.KeptJob, error) {
	which, err := jobs.ReadRemapping(r.Params)
	if err != nil {
		return nil, nil //nolint:nilerr // planning tells it
	}
	return p.db.KeptJobs(ctx, r.Provider, account, which)
}

// codeTrackingStopped is the alert's about open orders that track no longer follows.
const codeTrackingStopped clients.Code = "tracking_stopped"

// stopTracking raises the alert [codeTrackingStopped] of each account with open orders that a
// run of the kind track does not follow any more, and resolves it where there are none.
func (p *Planner) stopTracking(ctx context.Context, r jobs.Request, target jobs.Target) error {
	raised, err := p.alerts.Raised(ctx, codeTrackingStopped)
	if err != nil {
		return err
	}
	var stopped []db.Alert
	for _, a := range target.Accounts {
		open, asked := target.Open[a.Name]
		if !asked {
			continue
		}
		orders, err := jobs.Stale(jobs.Planning{Params: r.Params, Account: a, Traits: target.Traits, Open: open, Now: time.Now()})
		if err != nil {
			return err
		}
		if len(orders) > 0 {
			stopped = append(stopped, db.Alert{
				Provider: r.Provider, Account: a.Name, Code: codeTrackingStopped,
				Message: "open orders older than max_age are no longer tracked: " + firstOf(orders),
				Hint:    "Ask the supplier, or request them once more: runs." + r.Provider + ".fetch with order_ids. A longer max_age tracks them on.",
			})
		}
	}
	raised = slices.DeleteFunc(raised, func(a db.Alert) bool {
		_, asked := target.Open[a.Account]
		return a.Provider != r.Provider || !asked
	})
	return p.alerts.Hold(ctx, raised, stopped)
}

// firstOf names the first few of orders.
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
