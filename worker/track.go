package worker

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"orderbeat/jobs"
)

// lookUp adds to what is known of a provider what a kind is planned with: the open orders
// of its accounts, for one that follows them, or the jobs whose answers are kept.
func (p *planner) lookUp(ctx context.Context, r jobs.Request) (map[string]jobs.Target, error) {
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

// givenUpOf finds, for each account that a request is about, the orders that it no longer
// follows; none is worth knowing too.
func givenUpOf(r jobs.Request, target jobs.Target) map[string][]jobs.OpenOrder {
	all := map[string][]jobs.OpenOrder{}
	for _, a := range target.Accounts {
		open, asked := target.Open[a.Name]
		if !asked {
			continue
		}
		stale, err := jobs.Stale(jobs.Planning{Params: r.Params, Account: a, Traits: target.Traits, Open: open, Now: time.Now()})
		if err != nil {
			return nil // the run tells it
		}
		all[a.Name] = stale
	}
	return all
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
