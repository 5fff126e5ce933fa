package scheduler

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"orderbeat/db/schedules"
	"orderbeat/worker/settings"
	"orderbeat/worker/wait"
)

const (
	// retryFirst and retryMost are the first and the longest pause before recording a due time is
	// retried after a failure.
	retryFirst = time.Second
	retryMost  = 10 * time.Second
	// tolerance is how late, in addition to its jitter, a due time may be recorded and still count as on
	// time although a later one is already due.
	tolerance = time.Second
	// maxSkew is the maximum difference between the clocks of two workers.
	maxSkew = time.Minute
)

// Reasons for missed due times.
const (
	notRunning = "not running"
	slept      = "machine suspended or clock changed"
	noDatabase = "database unavailable"
)

// loop waits for the due times of one schedule, one after another.
type loop struct {
	*Config
	schedule *settings.Schedule
	alerts   *alerter
	wake     wait.Signal   // set when the clock was changed
	stop     func()        // stops the loop; set when it starts
	ended    chan struct{} // closed when it has ended

	mu      sync.Mutex // guards the rest
	known   bool       // until is set
	until   time.Time  // the watermark: all due times up to it are recorded
	claimed time.Time  // the due time whose run is being started, or zero
	setBack bool       // the clock was set back since the last check
}

func newLoop(c *Config, s *settings.Schedule, a *alerter) *loop {
	return &loop{Config: c, schedule: s, alerts: a, wake: wait.NewSignal(), ended: make(chan struct{})}
}

// run records due times until ctx ends, starting with those that have already passed.
func (l *loop) run(ctx context.Context, started, elsewhere time.Time, atStart bool) {
	if !l.begin(ctx, started, elsewhere, atStart) {
		return
	}
	for l.wait(ctx) {
		if !l.retryUntilDone(ctx, slept, l.recordDue) {
			return
		}
	}
	// A due time that has passed is recorded even during a shutdown.
	l.retryUntilDone(ctx, slept, l.recordDue)
}

// begin reads the watermark, handles the due times since then, and starts the at_start run. It returns
// false if ctx ended first.
func (l *loop) begin(ctx context.Context, started, elsewhere time.Time, atStart bool) bool {
	var w schedules.Watermark
	found := l.retryUntilDone(ctx, "", func(ctx context.Context, _ string) (err error) {
		w, err = l.DB.ObserveSchedule(ctx, l.schedule.Name, started, elsewhere)
		return err
	})
	if !found || ctx.Err() != nil {
		return false
	}
	since := w.At()
	// A watermark in the future is valid if another worker recorded it and the clocks may differ
	// that much. Otherwise the clock was set back after it was recorded.
	elsewhereAhead := since.Equal(w.AccountedAt) && !since.After(started.Add(maxSkew))
	if since.After(started) && !elsewhereAhead {
		since = started
	}
	l.advance(since)
	if w.Last == nil || w.Last.Outcome != "missed" && w.Last.Outcome != "skipped" {
		l.alerts.recovered(ctx, l.schedule)
	}
	if !l.retryUntilDone(ctx, notRunning, func(ctx context.Context, why string) error { return l.catchUp(ctx, started, atStart, why) }) {
		return false
	}
	if !atStart {
		return true
	}
	return l.retryUntilDone(ctx, "at start", func(ctx context.Context, why string) error {
		err := l.tick(ctx, started, "started", why)
		if err == nil {
			l.advance(started)
		}
		return err
	})
}

// retryUntilDone retries do until it succeeds. After ctx has ended, it tries only once. why is the reason
// that do records for late due times. It returns false if the last attempt failed.
func (l *loop) retryUntilDone(ctx context.Context, why string, do func(ctx context.Context, why string) error) bool {
	for rest := retryFirst; ; rest = min(2*rest, retryMost) {
		err := do(context.WithoutCancel(ctx), why)
		if err == nil {
			return true
		}
		if errors.Is(err, ErrNotLeader) {
			return false
		}
		if ctx.Err() != nil {
			l.Log.Error("failed to record due times, the next start records them as missed", "schedule", l.schedule.Name, "err", err)
			return false
		}
		if rest == retryFirst { // log only the first failure
			l.Log.Warn("failed to record due times, will retry", "schedule", l.schedule.Name, "err", err)
		}
		if _, unclaimed := errors.AsType[*claimError](err); why == slept && !unclaimed {
			why = noDatabase
		}
		wait.For(ctx, rest)
	}
}

// wait waits until the next due time plus its jitter. It returns false if ctx ended
// first.
func (l *loop) wait(ctx context.Context) bool {
	var delay time.Duration
	if l.schedule.Jitter > 0 {
		delay = rand.N(l.schedule.Jitter)
	}
	for {
		const long = time.Hour // longest sleep, also if there is no next due time
		left := long
		if next := l.schedule.Cron.Next(l.rewound()); !next.IsZero() {
			if left = time.Until(next.Add(delay)); left <= 0 {
				return true
			}
		}
		if !wait.Until(ctx, l.wake, min(left, long)) {
			return false
		}
	}
}

// clockSet makes the loop compute its next due time again.
func (l *loop) clockSet(by time.Duration) {
	if by < 0 {
		l.mu.Lock()
		l.setBack = true
		l.mu.Unlock()
	}
	l.wake.Set()
}

// rewound returns the watermark. After a backward clock change it resets a future watermark to now, so that due times
// that occur again are run again instead of waiting until the clock has caught up.
func (l *loop) rewound() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now := time.Now(); l.setBack && l.until.After(now) {
		l.until = now
	}
	l.setBack = false
	return l.until
}

func (l *loop) watermark() (until time.Time, known bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.until, l.known
}

// accounted returns the time up to which other workers need not start due times: the watermark, or the due time that is
// being started.
func (l *loop) accounted() (until time.Time, known bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.claimed.After(l.until) {
		return l.claimed, l.known
	}
	return l.until, l.known
}

func (l *loop) advance(to time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.known, l.until = true, to.Round(0)
}

// claim announces a due time to other workers, and verifies that this one is still the leader. If the
// lease cannot be confirmed, a due time that is on time is started anyway, and one that is being
// waits.
func (l *loop) claim(ctx context.Context, due time.Time, late bool) error {
	l.setClaimed(due)
	err := l.Confirm(ctx)
	if err == nil || !late && !errors.Is(err, ErrNotLeader) {
		return nil
	}
	l.setClaimed(time.Time{})
	return &claimError{err}
}

func (l *loop) setClaimed(due time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.claimed = due
}

// claimError reports why a due time could not be claimed.
type claimError struct{ error }

func (e *claimError) Unwrap() error { return e.error }

// recordDue records the due times that have passed. If there are several, the late ones are missed or
// caught up, and the last one is always run.
func (l *loop) recordDue(ctx context.Context, why string) error {
	now := time.Now()
	due := passed(l.schedule.Cron, l.rewound(), now)
	late := slices.IndexFunc(due, func(t time.Time) bool { return now.Sub(t) <= l.schedule.Jitter+tolerance })
	if late < 0 {
		late = max(0, len(due)-1)
	}
	run := 0
	if l.schedule.CatchUp == "all" {
		run = min(maxCaughtUp, late)
	}
	if err := l.runLast(ctx, due[:late], run, why); err != nil {
		return err
	}
	for _, t := range due[late:] {
		if err := l.tick(ctx, t, "started", ""); err != nil {
			return err
		}
		l.advance(t)
	}
	return nil
}

// catchUp handles the due times up to started that no worker recorded.
func (l *loop) catchUp(ctx context.Context, started time.Time, atStart bool, why string) error {
	until, _ := l.watermark()
	due := passed(l.schedule.Cron, until, started)
	run := 0
	switch {
	case atStart: // the at_start run replaces the missed runs
	case l.schedule.CatchUp == "last":
		run = min(1, len(due))
	case l.schedule.CatchUp == "all":
		run = min(maxCaughtUp, len(due))
	}
	if err := l.runLast(ctx, due, run, why); err != nil || len(due) == 0 || run > 0 || atStart {
		return err
	}
	_, paused, err := l.DB.Paused(ctx, l.schedule.Name)
	if err == nil && !paused {
		l.retryUntilDone(ctx, "", func(ctx context.Context, _ string) error {
			return l.alerts.raise(ctx, l.schedule, missedAlert(l.schedule, due))
		})
	}
	return err
}

// runLast runs the last run of the due times, and records the others as missed.
func (l *loop) runLast(ctx context.Context, due []time.Time, run int, why string) error {
	if len(due) == 0 {
		return nil
	}
	l.Log.Warn("due times missed", "schedule", l.schedule.Name, "due", len(due), "caught_up", run, "reason", why)
	missed, caughtUp := due[:len(due)-run], due[len(due)-run:]
	if err := l.recordMissed(ctx, missed, why); err != nil {
		return err
	}
	for _, t := range caughtUp {
		if err := l.tick(ctx, t, "caught_up", why); err != nil {
			return err
		}
		l.advance(t)
	}
	return nil
}
