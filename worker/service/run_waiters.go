package service

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"orderbeat/jobs"
	"orderbeat/worker/metrics"
)

// RunWaiters notifies callers that wait for the end of a run, and logs and counts ended runs.
type RunWaiters struct {
	runs *prometheus.CounterVec
	log  *slog.Logger

	mu      sync.Mutex // guards waiting
	waiting map[string]chan jobs.Run
}

// NewRunWaiters returns waiters that log to log.
func NewRunWaiters(log *slog.Logger) *RunWaiters {
	return &RunWaiters{runs: metrics.NewRuns(), log: log, waiting: map[string]chan jobs.Run{}}
}

// Counters returns the metrics of ended runs.
func (f *RunWaiters) Counters() []prometheus.Collector { return []prometheus.Collector{f.runs} }

// wait returns a channel that receives the run when it ends in this process, and a function that
// stops waiting. Only the caller that starts a run waits for it.
func (f *RunWaiters) wait(runID string) (ended <-chan jobs.Run, stop func()) {
	ch := make(chan jobs.Run, 1)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.waiting[runID] = ch
	return ch, func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.waiting, runID)
	}
}

// Ended reports that a run has ended. It must be called once per run.
func (f *RunWaiters) Ended(ctx context.Context, run jobs.Run) {
	f.mu.Lock()
	if ch, ok := f.waiting[run.ID]; ok {
		ch <- run // never blocks: a run ends once
		delete(f.waiting, run.ID)
	}
	f.mu.Unlock()
	f.runs.WithLabelValues(run.Provider, run.Kind, string(run.State)).Inc()

	args := []any{
		"run_id", run.ID, "provider", run.Provider, "kind", run.Kind, "state", run.State, "trigger", run.Trigger,
		"jobs", run.Jobs.Total, "orders", run.Orders.Seen, "created", run.Orders.Created, "changed", run.Orders.Changed,
	}
	if run.Note != "" {
		args = append(args, "note", run.Note)
	}
	if run.StartedAt != nil && run.FinishedAt != nil {
		args = append(args, "duration", run.FinishedAt.Sub(*run.StartedAt).Round(time.Millisecond).String())
	}
	level := slog.LevelInfo
	if len(run.Errors) > 0 {
		level = slog.LevelWarn
		first := run.Errors[0]
		args = append(args, "errors", len(run.Errors), "account", first.Account, "code", first.Code, "err", first.Message, "hint", first.Hint)
	}
	f.log.Log(ctx, level, "run finished", args...)
}
