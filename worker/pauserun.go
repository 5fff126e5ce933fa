package worker

import (
	"context"
	"fmt"
	"time"

	"orderbeat/jobs"
)

// mostNote bounds the note of a pause, in bytes.
const mostNote = 500

// pauseRun keeps back the jobs of a run of low priority that are not on their way yet.
func (s *service) pauseRun(ctx context.Context, r *request) (any, error) {
	return s.changeRun(r, "a run is paused", func(id, note string) (jobs.Run, error) { return s.db.PauseRun(ctx, id, note, time.Now()) })
}

// resumeRun lets a paused run go on.
func (s *service) resumeRun(ctx context.Context, r *request) (any, error) {
	return s.changeRun(r, "a run is resumed", func(id, _ string) (jobs.Run, error) { return s.db.ResumeRun(ctx, id, time.Now()) })
}

func (s *service) changeRun(r *request, what string, change func(id, note string) (jobs.Run, error)) (any, error) {
	var q struct {
		RunID string `json:"run_id"`
		Note  string `json:"note"`
	}
	if err := r.decode(&q); err != nil {
		return nil, err
	}
	if err := checkNote(q.Note); err != nil {
		return nil, err
	}
	run, err := change(q.RunID, q.Note)
	if err != nil {
		return nil, unfit(err, "run", q.RunID, "runs.list")
	}
	s.log.Info(what, "run_id", run.ID, "note", run.Note)
	return map[string]any{"run": run}, nil
}

func checkNote(note string) error {
	if len(note) > mostNote {
		return invalid(fmt.Sprintf("the note is longer than %d bytes", mostNote), "say it shorter")
	}
	return nil
}
