package service

import (
	"context"
	"errors"
	"fmt"

	"orderbeat/clients"
	"orderbeat/db/runs"
	"orderbeat/jobs"
	"orderbeat/worker/api"
)

func (s *Service) getJob(ctx context.Context, _ *request, q api.JobID) (any, error) {
	return s.jobReply(ctx, q.JobID)
}

// cancelJob cancels a job, even if it is in flight.
func (s *Service) cancelJob(ctx context.Context, _ *request, q api.JobID) (any, error) {
	if q.JobID == "" {
		return nil, invalid("job_id is required", "jobs.list lists them.")
	}
	run, err := s.DB.CancelJob(ctx, q.JobID)
	if err != nil {
		return nil, conflict(err, "job", q.JobID, "jobs.list")
	}
	s.ended(ctx, []string{q.JobID}, run)
	return s.jobReply(ctx, q.JobID)
}

// ended stops cancelled jobs in flight, and reports the run if it has ended.
func (s *Service) ended(ctx context.Context, ids []string, run jobs.Run) {
	s.Cancel(ids)
	if run.State.Ended() {
		s.Waiters.Ended(ctx, run)
	}
}

// maxRetried bounds the jobs that one request retries.
const maxRetried = 1000

// retryJobs queues a job again that failed, is dead, was cancelled or whose message was lost. Without
// a job_id, it queues up to [maxRetried] jobs, selected by run, provider, state or time. The
// next request continues at the reply's cursor.
func (s *Service) retryJobs(ctx context.Context, _ *request, q api.RetryJobs) (any, error) {
	several := q.RunID + q.Provider + q.State + q.Since
	switch {
	case q.JobID != "" && several+q.Cursor != "":
		return nil, invalid("job_id excludes the other members", "Omit job_id to retry several jobs.")
	case q.JobID != "":
		if _, err := s.DB.RetryJob(ctx, q.JobID); err != nil {
			return nil, conflict(err, "job", q.JobID, "jobs.list")
		}
		return s.jobReply(ctx, q.JobID)
	case several == "":
		return nil, invalid("job_id, or one of run_id, provider, state and since, is required", "jobs.list lists jobs.")
	}
	if err := oneOf("state", q.State, runs.RetryStates); err != nil {
		return nil, err
	}
	since, err := timeOf("since", q.Since)
	if err != nil {
		return nil, err
	}
	if q.RunID != "" {
		if _, err := s.findRun(ctx, q.RunID); err != nil {
			return nil, err
		}
	}
	f := runs.RetryFilter{RunID: q.RunID, Provider: q.Provider, State: jobs.State(q.State), Since: since, After: q.Cursor, Limit: maxRetried}
	retried, cursor, err := s.DB.RetryJobs(ctx, f)
	if err != nil {
		return nil, err
	}
	s.Log.InfoContext(ctx, "jobs retried", "jobs", retried, "run_id", q.RunID, "provider", q.Provider, "state", q.State, "since", q.Since)
	return api.Retried{Retried: retried, Cursor: cursor}, nil
}

func (s *Service) jobReply(ctx context.Context, id string) (any, error) {
	if id == "" {
		return nil, invalid("job_id is required", "jobs.list lists them.")
	}
	job, found, err := s.DB.Job(ctx, id)
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, notFound(fmt.Sprintf("no job %.60q", id), "jobs.list lists the latest.")
	}
	return api.Job{Job: job}, nil
}

// conflict converts an error about the state of a run or a job to an error reply.
func conflict(err error, what, id, list string) error {
	if errors.Is(err, runs.ErrUnknown) {
		return notFound(fmt.Sprintf("no %s %.60q", what, id), list+" lists the latest.")
	}
	if errors.Is(err, runs.ErrPriority) {
		return invalid(fmt.Sprintf("%s %s is not a low-priority run, so all its jobs are queued already", what, id), "Cancel it, or start a new run with priority low.")
	}
	if e, ok := errors.AsType[*runs.StateError](err); ok {
		return &api.Error{Status: 409, Code: clients.CodeInvalid, Message: fmt.Sprintf("%s %s is %s", what, id, e.State), Hint: "The request is not possible in this state."}
	}
	return err
}
