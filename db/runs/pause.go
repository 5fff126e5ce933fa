package runs

import (
	"context"
	"errors"
	"fmt"
	"time"

	"orderbeat/db/sqlite"
	"orderbeat/jobs"
)

// ErrPriority is returned for a run that cannot be paused because it has normal priority.
var ErrPriority = errors.New("not a low-priority run")

// PauseRun pauses a low-priority run: no more of its jobs are dispatched; dispatched jobs continue.
// Pausing it again updates the note. The error is [ErrUnknown], [ErrPriority], or a [*StateError] if
// the run has ended.
func (s *Store) PauseRun(ctx context.Context, runID, note string, at time.Time) (jobs.Run, error) {
	return s.changeLowRun(ctx, runID, func(t Tx, run *jobs.Run) error {
		_, err := t.Exec(pauseRunSQL, sqlite.Stamp(at), sqlite.OrNull(note), run.ID)
		return err
	})
}

// ResumeRun resumes a paused run. It does nothing if the run is not paused. It returns the errors of
// [Store.PauseRun].
func (s *Store) ResumeRun(ctx context.Context, runID string, at time.Time) (jobs.Run, error) {
	return s.changeLowRun(ctx, runID, func(t Tx, run *jobs.Run) error {
		if _, err := t.Exec(resumeRunSQL, run.ID); err != nil {
			return err
		}
		return t.Queue.FillSlots(run.Provider, at)
	})
}

// changeLowRun changes an unfinished low-priority run and returns it.
func (s *Store) changeLowRun(ctx context.Context, runID string, change func(t Tx, run *jobs.Run) error) (run jobs.Run, err error) {
	err = s.do(ctx, 2, sqlite.AsOpened, func(t Tx) error {
		if run, err = t.openRun(runID); err != nil {
			return err
		}
		if run.LowPrioritySlots == 0 {
			return ErrPriority
		}
		if err := change(t, &run); err != nil {
			return err
		}
		run, err = scanRun(t.Row, runSQL, runID)
		return err
	})
	if err != nil {
		return jobs.Run{}, fmt.Errorf("run %s: %w", runID, err)
	}
	return run, nil
}

const (
	pauseRunSQL  = `UPDATE runs SET paused_at = coalesce(paused_at, ?), note = ? WHERE run_id = ?`
	resumeRunSQL = `UPDATE runs SET paused_at = NULL, note = NULL WHERE run_id = ?`
)
