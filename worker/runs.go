package worker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"orderbeat/clients"
	"orderbeat/db"
	"orderbeat/jobs"
)

// startRun starts a run at once, and with wait answers when it ended.
func (s *service) startRun(ctx context.Context, r *request) (any, error) {
	var q struct {
		Provider string          `json:"provider"`
		Kind     string          `json:"kind"`
		Params   json.RawMessage `json:"params"`
		Accounts []string        `json:"accounts"`
		Priority jobs.Priority   `json:"priority"`
		Wait     bool            `json:"wait"`
	}
	if err := r.decode(&q); err != nil {
		return nil, err
	}
	request := jobs.Request{
		Provider: q.Provider, Kind: q.Kind, Accounts: q.Accounts, Params: q.Params, Priority: q.Priority,
		Trigger: "api", Traceparent: r.Header.Get("traceparent"),
	}
	plan, err := s.planner.plan(ctx, request)
	if err := errors.Join(err, plan.invalid); err != nil {
		return nil, err
	}
	ended, giveUp := s.finished.wait(plan.run.ID)
	defer giveUp()
	run, err := s.planner.keep(ctx, plan)
	if err != nil {
		return nil, err
	}
	if q.Wait {
		if run, err = s.waitFor(ctx, run, ended); err != nil {
			return nil, err
		}
	}
	return map[string]any{"run": run}, nil
}

// waitFor waits until the run ended: here, or, in a fleet, elsewhere.
func (s *service) waitFor(ctx context.Context, run jobs.Run, ended <-chan jobs.Run) (jobs.Run, error) {
	look := time.NewTicker(time.Second)
	defer look.Stop()
	for !run.State.Ended() {
		select {
		case run = <-ended:
		case <-look.C:
			current, found, err := s.db.Run(ctx, run.ID)
			if err != nil {
				return run, err
			}
			if found {
				run = current
			}
		case <-s.stopping:
			return run, &apiError{
				status: 503, Code: clients.CodeUnavailable, Message: "this worker stops; run " + run.ID + " goes on",
				Hint: "ask runs.get for it",
			}
		case <-ctx.Done():
			return run, &apiError{
				status: 504, Code: codeTimeout, Message: "run " + run.ID + " has not ended within the time that the caller gave",
				Hint: "it goes on; ask runs.get for it",
			}
		}
	}
	return run, nil
}

func (s *service) getRun(ctx context.Context, r *request) (any, error) {
	var q struct {
		RunID string `json:"run_id"`
	}
	if err := r.decode(&q); err != nil {
		return nil, err
	}
	run, found, err := s.db.Run(ctx, q.RunID)
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, notFound(fmt.Sprintf("no run %.40q", q.RunID), "runs.list has the latest")
	}
	progress, err := s.db.Progress(ctx, run)
	if err != nil {
		return nil, err
	}
	return map[string]any{"run": run, "progress": progress}, nil
}

func (s *service) listRuns(ctx context.Context, r *request) (any, error) {
	var q struct {
		Provider string `json:"provider"`
		Kind     string `json:"kind"`
		State    string `json:"state"`
		Limit    int    `json:"limit"`
		Cursor   string `json:"cursor"`
	}
	if err := r.decode(&q); err != nil {
		return nil, err
	}
	limit, err := pageSize(q.Limit)
	if err != nil {
		return nil, err
	}
	if q.State != "" && !slices.Contains(jobs.ListedRunStates, jobs.State(q.State)) {
		return nil, invalid(fmt.Sprintf("state %.40q is none", q.State), fmt.Sprintf("the states are %v", jobs.ListedRunStates))
	}
	page, err := s.newPage(ctx, r, limit)
	if err != nil {
		return nil, err
	}
	filter := db.RunFilter{Provider: q.Provider, Kind: q.Kind, State: jobs.State(q.State), Limit: limit + 1, Before: q.Cursor}
	last, err := fill(page, s.db.EachRun(ctx, filter), func(run jobs.Run) any {
		run.Params, run.Accounts = nil, nil
		return listedRun{run, true}
	})
	if err != nil {
		return nil, err
	}
	cursor := ""
	if page.More {
		cursor = last.ID
	}
	return map[string]any{"runs": page.Rows, "cursor": cursor}, nil
}

// listedRun is a run without what was asked for, because it alone is larger than a reply.
type listedRun struct {
	jobs.Run
	Truncated bool `json:"truncated"`
}
