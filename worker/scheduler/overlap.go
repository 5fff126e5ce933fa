package scheduler

import (
	"context"
	"fmt"
	"orderbeat/jobs"
	"strings"
)

// overlap says which accounts to ask, none for all of them, and why not all, or not at once:
// some still work at an earlier run. With a reason, none means none.
func (l *loop) overlap(ctx context.Context) (accounts []string, why string, err error) {
	if l.schedule.Overlap == "allow" {
		return l.schedule.Accounts, "", nil
	}
	busy, err := l.DB.BusyAccounts(ctx, jobs.ScheduleTrigger(l.schedule.Name))
	if err != nil || len(busy) == 0 {
		return l.schedule.Accounts, "", err
	}
	all := l.schedule.Accounts
	if len(all) == 0 {
		all = l.Accounts[l.schedule.Provider]
	}
	left, behind := map[string]bool{}, map[string]bool{}
	for _, b := range busy {
		if l.schedule.Overlap == "queue_one" && !b.LinedUp {
			behind[b.Account] = true
		} else {
			left[b.Account] = true
		}
	}
	without, after := []string{}, []string{}
	for _, a := range all {
		switch {
		case left[a]:
			without = append(without, a)
			continue
		case behind[a]:
			after = append(after, a)
		}
		accounts = append(accounts, a)
	}
	return accounts, overlapping(l.schedule.Overlap, accounts, without, after), nil
}

// overlapping says which accounts are left out, and which are asked later, for an earlier run.
func overlapping(policy string, asked, without, after []string) string {
	var reasons []string
	switch {
	case len(asked) == 0 && policy == "queue_one":
		return "every account waits for an earlier run already"
	case len(asked) == 0:
		return "every account still works at an earlier run"
	case len(without) > 0 && policy == "queue_one":
		reasons = append(reasons, fmt.Sprintf("without %v, which wait for an earlier run already", without))
	case len(without) > 0:
		reasons = append(reasons, fmt.Sprintf("without %v, which still work at an earlier run", without))
	}
	if len(after) > 0 {
		reasons = append(reasons, fmt.Sprintf("%v when they have ended an earlier run", after))
	}
	return strings.Join(reasons, "; ")
}
