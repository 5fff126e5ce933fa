package worker

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"orderbeat/jobs"
)

// follow adds the open orders of a provider's accounts to what is known of it, for a
// kind that follows them.
func (p *planner) follow(ctx context.Context, r jobs.Request) (map[string]jobs.Target, error) {
	target, known := p.targets[r.Provider]
	if !known || !jobs.Kinds[r.Kind].Follows {
		return p.targets, nil
	}
	target.Open = map[string][]jobs.OpenOrder{}
	for _, a := range target.Accounts {
		if len(r.Accounts) > 0 && !slices.Contains(r.Accounts, a.Name) {
			continue
		}
		open, err := p.db.OpenOrders(ctx, r.Provider, a.Name)
		if err != nil {
			return nil, err
		}
		target.Open[a.Name] = open
	}
	return map[string]jobs.Target{r.Provider: target}, nil
}

// giveUp notes which orders this run gives up, of each account that it is about.
func (p *planner) giveUp(ctx context.Context, r jobs.Request, target jobs.Target) {
	for _, a := range target.Accounts {
		open, asked := target.Open[a.Name]
		if !asked {
			continue
		}
		stale, err := jobs.Stale(jobs.Planning{Params: r.Params, Account: a, Traits: target.Traits, Open: open, Now: time.Now()})
		if err != nil {
			return // the run tells it
		}
		p.stale.givenUp(ctx, r.Provider, a.Name, stale)
	}
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
