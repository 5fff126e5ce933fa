package worker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"orderbeat/clients"
	"orderbeat/jobs"
	"orderbeat/worker/api"
)

// startRun starts a run at once, and with wait answers when it ended.
func (s *service) startRun(ctx context.Context, r *request, q api.StartRun) (any, error) {
	request := jobs.Request{
		Provider: q.Provider, Kind: q.Kind, Accounts: q.Accounts, Params: q.Params, Priority: q.Priority,
		Trigger: "api", Traceparent: r.Header.Get("traceparent"),
	}
	plan, err := s.planner.Plan(ctx, request)
	if err := errors.Join(err, plan.Invalid); err != nil {
		return nil, err
	}
	ended, giveUp := s.finished.wait(plan.Run.ID)
	defer giveUp()
	run, err := s.planner.Store(ctx, plan)
	if err == nil && q.Wait {
		run, err = s.waitFor(ctx, run, ended)
	}
	return api.Run{Run: run}, err
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
			return run, &api.Error{
				Status: 503, Code: clients.CodeUnavailable, Message: "this worker stops; run " + run.ID + " goes on",
				Hint: "ask runs.get for it",
			}
		case <-ctx.Done():
			return run, &api.Error{
				Status: 504, Code: codeTimeout, Message: "run " + run.ID + " has not ended within the time that the caller gave",
				Hint: "it goes on; ask runs.get for it",
			}
		}
	}
	return run, nil
}

func (s *service) getRun(ctx context.Context, _ *request, q api.RunID) (any, error) {
	run, err := s.findRun(ctx, q.RunID)
	if err != nil {
		return nil, err
	}
	progress, err := s.db.Progress(ctx, run)
	return api.Run{Run: run, Progress: &progress}, err
}

func (s *service) findRun(ctx context.Context, id string) (jobs.Run, error) {
	run, found, err := s.db.Run(ctx, id)
	if err == nil && !found {
		err = notFound(fmt.Sprintf("no run %.60q", id), "runs.list has the latest")
	}
	return run, err
}

// cancelRun ends a run with the jobs of it that have not ended, those in hand too.
func (s *service) cancelRun(ctx context.Context, _ *request, q api.RunID) (any, error) {
	ids, run, err := s.db.CancelRun(ctx, q.RunID)
	if err != nil {
		return nil, unfit(err, "run", q.RunID, "runs.list")
	}
	s.ended(ctx, ids, run)
	return api.CancelledRun{Run: run, Cancelled: len(ids)}, nil
}

// pauseRun keeps back the jobs of a run of low priority that are not on their way yet.
func (s *service) pauseRun(ctx context.Context, _ *request, q api.RunNote) (any, error) {
	if err := checkNote(q.Note); err != nil {
		return nil, err
	}
	run, err := s.db.PauseRun(ctx, q.RunID, q.Note, time.Now())
	if err != nil {
		return nil, unfit(err, "run", q.RunID, "runs.list")
	}
	s.log.Info("run paused", "run_id", q.RunID, "note", q.Note)
	return api.Run{Run: run}, nil
}

// resumeRun lets a paused run go on.
func (s *service) resumeRun(ctx context.Context, _ *request, q api.RunNote) (any, error) {
	if err := checkNote(q.Note); err != nil {
		return nil, err
	}
	run, err := s.db.ResumeRun(ctx, q.RunID, time.Now())
	if err != nil {
		return nil, unfit(err, "run", q.RunID, "runs.list")
	}
	s.log.Info("run resumed", "run_id", q.RunID)
	return api.Run{Run: run}, nil
}

// mostNote bounds the note of a pause, in bytes.
const mostNote = 500

func checkNote(note string) error {
	if len(note) > mostNote {
		return invalid(fmt.Sprintf("the note is longer than %d bytes", mostNote), "say it shorter")
	}
	return nil
}
