package worker

import (
	"context"
	"log/slog"
	"time"

	"orderbeat/auth/mask"
	"orderbeat/auth/seal"
	"orderbeat/clients/memory"
	"orderbeat/db"
	"orderbeat/db/retention"
	"orderbeat/worker/api"
	"orderbeat/worker/bus"
	"orderbeat/worker/notifier"
	"orderbeat/worker/settings"
	"orderbeat/worker/telemetry"
	"orderbeat/worker/tokens"
	"orderbeat/worker/web"
)

// Config has the validated configuration and the dependencies of a worker.
type Config struct {
	NATS        bus.Config
	DB          *db.DB
	Role        Role   // RoleAll or RoleStore for [Run]
	ID          string // id of the database, which does not change when the worker is restarted
	Place       string // host and path of the database, for display
	Providers   []Provider
	Schedules   []Schedule
	Concurrency int           // concurrent jobs in this process
	MaxLag      time.Duration // maximum lag with which a follower may reply and take over; 0 is 5s
	// SnapshotEvery is the maximum age of the newest snapshot for new followers; 0 disables snapshots.
	SnapshotEvery time.Duration
	Drain         time.Duration     // how long a shutdown waits for jobs in flight
	Started       func()            // called once, if not nil, when the worker is set up and begins to lead or follow
	Leading       func(page string) // called once, if not nil, when this worker leads; page is the URL of its web page, "" if it has none
	Stopping      func()            // called once when a shutdown starts; may be nil
	QueueAlert    time.Duration     // how long a job may wait in the queue before an alert is raised; 0 is no limit
	Web           web.Config
	Tokens        *seal.Store // stores the providers' tokens
	// TokenBucket is the store behind Tokens if they are in an external NATS. Run connects it. nil if they are in a
	// database.
	TokenBucket *tokens.Store
	OnlyChanges bool // order messages contain only what changed
	Retention   retention.Periods
	Notify      []notifier.Target // targets of alerts besides NATS
	Telemetry   telemetry.Config  // where traces go
	// Reload reads the configuration again and calls apply with the new settings, once and only if the
	// configuration is valid. Calls of Reload are never concurrent.
	Reload    func(ctx context.Context, apply func(Settings)) (api.Reloaded, error)
	Reloads   <-chan struct{} // each value requests a reload; nil for none
	Path      string          // path of the configuration, for display
	Version   string
	Memory    *memory.Pool // shared by all attempts; nil uses the process's memory limit
	Mask      *mask.Set    // secrets that are masked in replies and pages
	Intervals Intervals
	Log       *slog.Logger
}

// Intervals are the intervals and timeouts of a worker's periodic checks. 0 is the default.
type Intervals struct {
	Streams   time.Duration // checks of streams, and of alerts about publishing; 10s
	Consumers time.Duration // checks of consumers; 5s
	Notify    time.Duration // how long a notification waits for further alerts; 10s
	Fleet     time.Duration // how often a process announces itself; 5s; it counts as gone after three intervals
	AckWait   time.Duration // time until the jobs of a crashed fetcher are redelivered to another; 8s
	Lost      time.Duration // checks for jobs at fetchers whose messages are gone; 20s
}

// Provider is one configured provider.
type Provider = settings.Provider

// Schedule starts runs at the due times of a cron spec.
type Schedule = settings.Schedule
