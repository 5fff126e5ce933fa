package worker

import (
	"context"
	"slices"

	"orderbeat/db"
	"orderbeat/jobs"
)

// withoutBusy leaves out the accounts that still work at an earlier run with the same
// trigger. A tick looks too; but ticks that waited for NATS were not planned yet when the
// next one looked.
func (p *planner) withoutBusy(ctx context.Context, trigger string, planned []jobs.Job) ([]jobs.Job, error) {
	busy, err := p.db.BusyAccounts(ctx, trigger)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(planned, func(j jobs.Job) bool {
		return slices.ContainsFunc(busy, func(b db.BusyAccount) bool { return b.Account == j.Account })
	}), nil
}
