package worker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"orderbeat/clients"
	"orderbeat/db"
	"orderbeat/jobs"
)

// cancelRun ends a run with the jobs of it that have not ended, those in hand too.
func (s *service) cancelRun(ctx context.Context, r *request) (any, error) {
	var q struct {
		RunID string `json:"run_id"`
	}
	if err := r.decode(&q); err != nil {
		return nil, err
	}
	ids, run, err := s.db.CancelRun(ctx, q.RunID)
	if err != nil {
		return nil, unfit(err, "run", q.RunID, "runs.list")
	}
	s.ended(ctx, ids, run)
	return map[string]any{"run": run, "cancelled": len(ids)}, nil
}

// cancelJob ends a job, also one in hand.
func (s *service) cancelJob(ctx context.Context, r *request) (any, error) {
	id, err := jobID(r)
	if err != nil {
		return nil, err
	}
	run, err := s.db.CancelJob(ctx, id)
	if err != nil {
		return nil, unfit(err, "job", id, "jobs.list")
	}
	s.ended(ctx, []string{id}, run)
	return s.jobReply(ctx, id)
}

// ended stops what is in hand of cancelled jobs, and tells of a run that ended with them.
func (s *service) ended(ctx context.Context, ids []string, run jobs.Run) {
	s.inHand.cancel(ids)
	if run.State.Ended() {
		s.finished.tell(ctx, run)
	}
}

// maxRetried bounds how many jobs one request retries.
const maxRetried = 1000

// retryJobs queues a job again that failed, is dead, was cancelled or whose message was
// lost; or, without a job_id, those of a run, a provider, a state or a time, up to
// [maxRetried] of them: the reply's cursor goes on with the next ones.
func (s *service) retryJobs(ctx context.Context, r *request) (any, error) {
	var q struct {
		JobID    string `json:"job_id"`
		RunID    string `json:"run_id"`
		Provider string `json:"provider"`
		State    string `json:"state"`
		Since    string `json:"since"`
		Cursor   string `json:"cursor"`
	}
	if err := r.decode(&q); err != nil {
		return nil, err
	}
	one, several := q.JobID, q.RunID+q.Provider+q.State+q.Since
	switch {
	case one != "" && several+q.Cursor != "":
		return nil, invalid("give either a job_id, or which jobs", "leave out the job_id to retry several")
	case one != "":
		if _, err := s.db.RetryJob(ctx, one); err != nil {
			return nil, unfit(err, "job", one, "jobs.list")
		}
		return s.jobReply(ctx, one)
	case several == "":
		return nil, invalid("give a job_id, or which jobs: run_id, provider, state, since", "jobs.list has them")
	case q.State != "" && !slices.Contains(db.RetryStates, jobs.State(q.State)):
		return nil, invalid(fmt.Sprintf("jobs in state %.40q cannot be retried", q.State), fmt.Sprintf("the states are %v", db.RetryStates))
	}
	f := db.RetryFilter{RunID: q.RunID, Provider: q.Provider, State: jobs.State(q.State), After: q.Cursor, Limit: maxRetried}
	if q.Since != "" {
		var err error
		if f.Since, err = time.Parse(time.RFC3339, q.Since); err != nil {
			return nil, invalid(fmt.Sprintf("since %.40q is not a time", q.Since), `write it like "2026-01-31T06:00:00Z"`)
		}
	}
	if q.RunID != "" {
		if _, found, err := s.db.Run(ctx, q.RunID); err != nil {
			return nil, err
		} else if !found {
			return nil, notFound(fmt.Sprintf("no run %.60q", q.RunID), "runs.list has the latest")
		}
	}
	retried, cursor, err := s.db.RetryJobs(ctx, f)
	if err != nil {
		return nil, err
	}
	s.log.Info("jobs retried", "jobs", retried, "run_id", q.RunID, "provider", q.Provider, "state", q.State, "since", q.Since)
	return map[string]any{"retried": retried, "cursor": cursor}, nil
}

func (s *service) getJob(ctx context.Context, r *request) (any, error) {
	id, err := jobID(r)
	if err != nil {
		return nil, err
	}
	return s.jobReply(ctx, id)
}

func (s *service) listJobs(ctx context.Context, r *request) (any, error) {
	var q struct {
		Provider string `json:"provider"`
		Account  string `json:"account"`
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
	if q.State != "" && !slices.Contains(jobs.JobStates, jobs.State(q.State)) {
		return nil, invalid(fmt.Sprintf("state %.40q is none", q.State), fmt.Sprintf("the states are %v", jobs.JobStates))
	}
	page, err := s.newPage(ctx, r, limit)
	if err != nil {
		return nil, err
	}
	filter := db.JobFilter{
		Provider: q.Provider, Account: q.Account, Kind: q.Kind, State: jobs.State(q.State), Limit: limit + 1, Before: q.Cursor,
	}
	last, err := fill(page, s.db.EachJob(ctx, filter), func(j db.JobRow) any {
		j.Question = jobs.Question{}
		return listedJob{j, true}
	})
	if err != nil {
		return nil, err
	}
	cursor := ""
	if page.More {
		cursor = last.JobID
	}
	return map[string]any{"jobs": page.Rows, "cursor": cursor}, nil
}

// listedJob is a job without its query, because it alone is larger than a reply.
type listedJob struct {
	db.JobRow
	Truncated bool `json:"truncated"`
}

func jobID(r *request) (string, error) {
	var q struct {
		JobID string `json:"job_id"`
	}
	if err := r.decode(&q); err != nil {
		return "", err
	}
	if q.JobID == "" {
		return "", invalid("give a job_id", "jobs.list has them")
	}
	return q.JobID, nil
}

func (s *service) jobReply(ctx context.Context, id string) (any, error) {
	job, found, err := s.db.Job(ctx, id)
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, notFound(fmt.Sprintf("no job %.60q", id), "jobs.list has the latest")
	}
	return map[string]any{"job": job}, nil
}

// unfit is why something cannot be done with a run or a job.
func unfit(err error, what, id, list string) error {
	if errors.Is(err, db.ErrUnknown) {
		return notFound(fmt.Sprintf("no %s %.60q", what, id), list+" has the latest")
	}
	if errors.Is(err, db.ErrPriority) {
		return invalid(fmt.Sprintf("%s %s is not of low priority: its jobs are all on their way", what, id), "cancel it instead, or ask for it with priority low")
	}
	if e, ok := errors.AsType[*db.StateError](err); ok {
		return &apiError{status: 409, Code: clients.CodeInvalid, Message: fmt.Sprintf("%s %s is %s", what, id, e.State), Hint: "there is nothing to be done about it in that state"}
	}
	return err
}
