package scheduler

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"orderbeat/db"
	"orderbeat/worker/settings"
)

const (
	// retryFirst and retryMost are how long a due time that could not be recorded waits
	// until it is tried again, at first and at most.
	retryFirst = time.Second
	retryMost  = 10 * time.Second
	// tolerance is how late, beyond its jitter, a due time may be recorded and still count
	// as run in time although the next is due already.
	tolerance = time.Second
	// maxSkew is how far the clocks of two workers may differ.
	maxSkew = time.Minute
)

// Reasons of due times that passed without a run.
const (
	notRunning = "not running"
	slept      = "the machine slept, or its clock jumped"
	noDatabase = "the database did not answer"
)

// loop waits for the due times of one schedule, one after another.
type loop struct {
	*Config
	schedule *settings.Schedule
	alerts   *alerts
	wake     chan struct{} // the clock was set; capacity 1

	mu      sync.Mutex // guards what follows
	known   bool       // until is
	until   time.Time  // every due time until then is recorded
	claimed time.Time  // the due time that is being started, zero when none is
	setBack bool       // the clock was, since the loop looked last
}

func newLoop(c *Config, s *settings.Schedule, a *alerts) *loop {
	return &loop{Config: c, schedule: s, alerts: a, wake: make(chan struct{}, 1)}
}

// run records due times until ctx ends: first those that passed before it began.
func (l *loop) run(ctx context.Context, started, elsewhere time.Time) {
	if !l.begin(ctx, started, elsewhere) {
		return
	}
	for l.wait(ctx) {
		if !l.insist(ctx, slept, l.recordDue) {
			return
		}
	}
	// A due time that has come is recorded even when the program stops at that moment.
	l.insist(ctx, slept, l.recordDue)
}

// begin finds the watermark, makes up for what passed since, and runs what is to run at
// start. It is false when the program stops first.
func (l *loop) begin(ctx context.Context, started, elsewhere time.Time) bool {
	var w db.Watermark
	found := l.insist(ctx, "", func(ctx context.Context, _ string) (err error) {
		w, err = l.DB.SeeSchedule(ctx, l.schedule.Name, started, elsewhere)
		return err
	})
	if !found || ctx.Err() != nil {
		return false
	}
	since := w.At()
	// What another worker recorded ahead of this clock stands, if its clock may be right.
	// Other times in the future are from before the clock was set back.
	elsewhereAhead := since.Equal(w.AccountedAt) && !since.After(started.Add(maxSkew))
	if since.After(started) && !elsewhereAhead {
		since = started
	}
	l.advance(since)
	if w.Last == nil || w.Last.Outcome != "missed" && w.Last.Outcome != "skipped" {
		l.alerts.well(ctx, l.schedule)
	}
	if !l.insist(ctx, notRunning, func(ctx context.Context, why string) error { return l.catchUp(ctx, started, why) }) {
		return false
	}
	if !l.schedule.AtStart {
		return true
	}
	return l.insist(ctx, "at start", func(ctx context.Context, why string) error {
		err := l.tick(ctx, started, "started", why)
		if err == nil {
			l.advance(started)
		}
		return err
	})
}

// insist does something until the database takes it, or ctx ends; then it tries once more.
// why is the reason that do records with what is late. It is false when all failed.
func (l *loop) insist(ctx context.Context, why string, do func(ctx context.Context, why string) error) bool {
	for rest := retryFirst; ; rest = min(2*rest, retryMost) {
		err := do(context.WithoutCancel(ctx), why)
		if err == nil {
			return true
		}
		if errors.Is(err, ErrNotLeader) {
			return false
		}
		if ctx.Err() != nil {
			l.Log.Error("due times were not recorded; the next start finds them missed", "schedule", l.schedule.Name, "err", err)
			return false
		}
		if rest == retryFirst { // once is enough
			l.Log.Warn("failed to record due times, will retry", "schedule", l.schedule.Name, "err", err)
		}
		if _, unclaimed := errors.AsType[*claimError](err); why == slept && !unclaimed {
			why = noDatabase
		}
		sleep(ctx, rest)
	}
}

// wait waits until the next due time has come, and its jitter has passed. It is false when
// ctx ends first.
func (l *loop) wait(ctx context.Context) bool {
	var delay time.Duration
	if l.schedule.Jitter > 0 {
		delay = rand.N(l.schedule.Jitter)
	}
	for {
		const long = time.Hour // a schedule that is never due looks now and then
		left := long
		if next := l.schedule.Cron.Next(l.rewound()); !next.IsZero() {
			if left = time.Until(next.Add(delay)); left <= 0 {
				return true
			}
		}
		timer := time.NewTimer(min(left, long))
		select {
		case <-ctx.Done():
			timer.Stop()
			return false
		case <-l.wake:
			timer.Stop()
		case <-timer.C:
		}
	}
}

// clockSet has the loop look at the clock, which was set.
func (l *loop) clockSet(by time.Duration) {
	if by < 0 {
		l.mu.Lock()
		l.setBack = true
		l.mu.Unlock()
	}
	select {
	case l.wake <- struct{}{}:
	default: // it looks soon
	}
}

// rewound is the watermark. After a backward clock change it is not in the future: due
// times that come again are run again, at once rather than when the clock is there again.
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

// accounted is what no other worker needs to start: the watermark, or the due time that
// is being started.
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

// claim tells other workers that a due time is started here, and finds out whether this one
// may. While nobody can be told, a due time that has just come is started all the same; one
// that is late can wait.
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

// claimError is why a due time could not be claimed.
type claimError struct{ error }

func (e *claimError) Unwrap() error { return e.error }

// recordDue records the due times that have come. Where several have, those that are late
// are missed, or caught up; the last one is run, and stands for them.
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
	if err := l.makeUp(ctx, due[:late], run, why); err != nil {
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

// catchUp makes up for the due times until started that no worker recorded.
func (l *loop) catchUp(ctx context.Context, started time.Time, why string) error {
	until, _ := l.watermark()
	due := passed(l.schedule.Cron, until, started)
	run := 0
	switch {
	case l.schedule.AtStart: // the run at start does what was missed
	case l.schedule.CatchUp == "last":
		run = min(1, len(due))
	case l.schedule.CatchUp == "all":
		run = min(maxCaughtUp, len(due))
	}
	if err := l.makeUp(ctx, due, run, why); err != nil || len(due) == 0 || run > 0 || l.schedule.AtStart {
		return err
	}
	_, paused, err := l.DB.Paused(ctx, l.schedule.Name)
	if err == nil && !paused {
		l.insist(ctx, "", func(ctx context.Context, _ string) error {
			return l.alerts.raise(ctx, l.schedule, missedAlert(l.schedule, due))
		})
	}
	return err
}

// makeUp runs the last of some due times, and records the others as missed.
func (l *loop) makeUp(ctx context.Context, due []time.Time, run int, why string) error {
	if len(due) == 0 {
		return nil
	}
	l.Log.Warn("due times missed", "schedule", l.schedule.Name, "due", len(due), "caught_up", run, "reason", why)
	missed, caughtUp := due[:len(due)-run], due[len(due)-run:]
	if err := l.miss(ctx, missed, why); err != nil {
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
