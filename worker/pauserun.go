package worker

import (
	"context"
	"fmt"
	"time"
)

// mostNote bounds the note of a pause, in bytes.
const mostNote = 500

// pauseRun keeps back the jobs of a run of low priority that are not on their way yet.
func (s *service) pauseRun(ctx context.Context, r *request) (any, error) {
	id, note, err := runAndNote(r)
	if err != nil {
		return nil, err
	}
	run, err := s.db.PauseRun(ctx, id, note, time.Now())
	if err != nil {
		return nil, unfit(err, "run", id, "runs.list")
	}
	s.log.Info("a run is paused", "run_id", id, "note", note)
	return map[string]any{"run": run}, nil
}

// resumeRun lets a paused run go on.
func (s *service) resumeRun(ctx context.Context, r *request) (any, error) {
	id, _, err := runAndNote(r)
	if err != nil {
		return nil, err
	}
	run, err := s.db.ResumeRun(ctx, id, time.Now())
	if err != nil {
		return nil, unfit(err, "run", id, "runs.list")
	}
	s.log.Info("a run is resumed", "run_id", id)
	return map[string]any{"run": run}, nil
}

func runAndNote(r *request) (id, note string, err error) {
	var q struct {
		RunID string `json:"run_id"`
		Note  string `json:"note"`
	}
	if err := r.decode(&q); err != nil {
		return "", "", err
	}
	return q.RunID, q.Note, checkNote(q.Note)
}

func checkNote(note string) error {
	if len(note) > mostNote {
		return invalid(fmt.Sprintf("the note is longer than %d bytes", mostNote), "say it shorter")
	}
	return nil
}
