package service

import (
	"context"
	"fmt"
	"time"

	"orderbeat/clients"
	"orderbeat/jobs"
	"orderbeat/worker/api"
)

// startRun starts a run. If wait is set, it replies when the run has ended.
func (s *Service) startRun(ctx context.Context, r *request, q api.StartRun) (any, error) {
	request := jobs.Request{
		Provider: q.Provider, Kind: q.Kind, Accounts: q.Accounts, Params: q.Params, Priority: q.Priority,
		Trigger: "api", Traceparent: r.Header.Get("traceparent"),
	}
	var ended <-chan jobs.Run
	stopWaiting := func() {}
	run, err := s.StartIf(ctx, request, func(run jobs.Run, _ []jobs.Job) error {
		ended, stopWaiting = s.Waiters.wait(run.ID)
		return nil
	})
	defer stopWaiting()
	if err == nil && q.Wait {
		run, err = s.waitFor(ctx, run, ended)
	}
	return api.Run{Run: run}, err
}

// waitFor waits until the run ends, in this process or elsewhere in a fleet.
func (s *Service) waitFor(ctx context.Context, run jobs.Run, ended <-chan jobs.Run) (jobs.Run, error) {
	check := time.NewTicker(time.Second)
	defer check.Stop()
	for !run.State.Ended() {
		select {
		case run = <-ended:
		case <-check.C:
			current, found, err := s.DB.Run(ctx, run.ID)
			if err != nil {
				return run, err
			}
			if found {
				run = current
			}
		case <-s.stopping:
			return run, &api.Error{
				Status: 503, Code: clients.CodeUnavailable, Message: "this worker is shutting down; run " + run.ID + " continues",
				Hint: "Get its state with runs.get.",
			}
		case <-ctx.Done():
			return run, &api.Error{
				Status: 504, Code: codeTimeout, Message: "run " + run.ID + " has not ended within the caller's timeout",
				Hint: "It continues; get its state with runs.get.",
			}
		}
	}
	return run, nil
}

func (s *Service) getRun(ctx context.Context, _ *request, q api.RunID) (any, error) {
	run, err := s.findRun(ctx, q.RunID)
	if err != nil {
		return nil, err
	}
	progress, err := s.DB.Progress(ctx, run)
	return api.Run{Run: run, Progress: &progress}, err
}

func (s *Service) findRun(ctx context.Context, id string) (jobs.Run, error) {
	run, found, err := s.DB.Run(ctx, id)
	if err == nil && !found {
		err = notFound(fmt.Sprintf("no run %.60q", id), "runs.list lists the latest.")
	}
	return run, err
}

// cancelRun cancels a run and its jobs that have not ended, including those in flight.
func (s *Service) cancelRun(ctx context.Context, _ *request, q api.RunID) (any, error) {
	ids, run, err := s.DB.CancelRun(ctx, q.RunID)
	if err != nil {
		return nil, conflict(err, "run", q.RunID, "runs.list")
	}
	s.ended(ctx, ids, run)
	return api.CancelledRun{Run: run, Cancelled: len(ids)}, nil
}

// pauseRun pauses a low-priority run: its jobs that are not queued yet are not started.
func (s *Service) pauseRun(ctx context.Context, _ *request, q api.RunNote) (any, error) {
	if err := checkNote(q.Note); err != nil {
		return nil, err
	}
	run, err := s.DB.PauseRun(ctx, q.RunID, q.Note, time.Now())
	if err != nil {
		return nil, conflict(err, "run", q.RunID, "runs.list")
	}
	s.Log.InfoContext(ctx, "run paused", "run_id", q.RunID, "note", q.Note)
	s.RunPaused(ctx, q.RunID, run.PausedAt, q.Note)
	return api.Run{Run: run}, nil
}

// resumeRun continues a paused run.
func (s *Service) resumeRun(ctx context.Context, _ *request, q api.RunNote) (any, error) {
	if err := checkNote(q.Note); err != nil {
		return nil, err
	}
	run, err := s.DB.ResumeRun(ctx, q.RunID, time.Now())
	if err != nil {
		return nil, conflict(err, "run", q.RunID, "runs.list")
	}
	s.Log.InfoContext(ctx, "run resumed", "run_id", q.RunID)
	s.RunPaused(ctx, q.RunID, nil, "")
	return api.Run{Run: run}, nil
}

// maxNote bounds the note of a pause, in bytes.
const maxNote = 500

func checkNote(note string) error {
	if len(note) > maxNote {
		return invalid(fmt.Sprintf("the note exceeds %d bytes", maxNote), "Shorten it.")
	}
	return nil
}
