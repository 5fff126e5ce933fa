package jobrunner

import (
	"context"
	"fmt"
	"time"

	"orderbeat/clients"
	"orderbeat/db"
	"orderbeat/db/alerts"
	"orderbeat/db/jobqueue"
	"orderbeat/jobs"
	"orderbeat/worker/problems"
	"orderbeat/worker/wait"
)

// delaysEvery is how often [Delays] checks for jobs that wait too long in the queue.
const delaysEvery = 20 * time.Second

// codeQueueDelayed is the code of the alert about jobs that wait in the queue longer than
// DelaysConfig.QueueAlert.
const codeQueueDelayed clients.Code = "queue_delayed"

// DelaysConfig has the dependencies of Delays.
type DelaysConfig struct {
	DB         *db.DB
	QueueAlert func() time.Duration // how long a job may wait in the queue; 0 is no limit
	Alerts     Alerts
	Activity   *problems.Activity
}

// Alerts raises and resolves alerts.
type Alerts interface {
	// Raised lists the raised alerts with a code.
	Raised(ctx context.Context, code clients.Code) ([]alerts.Alert, error)
	// Hold raises the wanted alerts, and resolves the raised alerts that are not wanted.
	Hold(ctx context.Context, raised, wanted []alerts.Alert) error
}

// Delays raises and resolves the alert about jobs that wait in the queue too long.
type Delays struct {
	c       DelaysConfig
	started time.Time
}

// NewDelays returns a Delays. It raises no alert before QueueAlert has passed from now.
func NewDelays(c DelaysConfig) *Delays { return &Delays{c: c, started: time.Now()} }

// Run checks at once and then periodically until ctx ends.
func (d *Delays) Run(ctx context.Context) {
	for {
		if err := d.check(ctx, time.Now()); err == nil {
			d.c.Activity.OK()
		} else if ctx.Err() == nil {
			d.c.Activity.Failed("failed to check how long jobs wait in the queue", err)
		}
		every := delaysEvery
		if most := d.c.QueueAlert(); most > 0 {
			every = min(every, most/4)
		}
		if !wait.For(ctx, every) {
			return
		}
	}
}

func (d *Delays) check(ctx context.Context, now time.Time) error {
	raised, err := d.c.Alerts.Raised(ctx, codeQueueDelayed)
	if err != nil {
		return err
	}
	var waiting []jobqueue.QueueDelay
	most := d.c.QueueAlert()
	if most > 0 && now.Sub(d.started) >= most { // before that, jobs may have waited only because no worker was running
		if waiting, err = d.c.DB.QueueDelays(ctx, now.Add(-most)); err != nil {
			return err
		}
	}
	var delayed []alerts.Alert
	for _, q := range waiting {
		delayed = append(delayed, alerts.Alert{
			Provider: q.Provider, Code: codeQueueDelayed,
			Message: fmt.Sprintf("%d jobs have waited in the queue longer than %s (worker.queue_alert), the first since %s",
				q.Jobs, jobs.FormatDuration(most), q.Since.UTC().Format(time.RFC3339)),
			Hint: fmt.Sprintf("Check /readyz and the log to see why no jobs start. If jobs start too slowly, raise the concurrency of providers.%s.", q.Provider),
		})
	}
	return d.c.Alerts.Hold(ctx, raised, delayed)
}
