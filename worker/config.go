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
	ID          string // of the database: a restarted worker has the same
	Place       string // where the database is, for display
	Providers   []Provider
	Schedules   []Schedule
	Concurrency int           // concurrent jobs in this process
	MaxLag      time.Duration // how far behind what is published a follower may reply and take over; 0 is 5s
	// SnapshotEvery is how old the newest snapshot for new followers may be; 0 makes none.
	SnapshotEvery time.Duration
	Drain         time.Duration     // how long jobs in flight may take during a shutdown
	Started       func()            // called once, if not nil, when this worker leads or follows from here on
	Leading       func(page string) // called once, if not nil, when this worker leads; with the address of its page, "" without one
	Stopping      func()            // called once when a shutdown starts; may be nil
	QueueAlert    time.Duration     // how long a job may wait in the queue before an alert is raised; 0 is no limit
	Web           web.Config
	Tokens        *seal.Store // stores the providers' tokens
	// TokenBucket is the store below Tokens on an external NATS, which Run connects; nil if they are in a
	// database.
	TokenBucket *tokens.Store
	OnlyChanges bool // order messages have only what changed
	Retention   retention.Periods
	Notify      []notifier.Target // targets of alerts besides NATS
	Telemetry   telemetry.Config  // where traces go
	// Reload reads the configuration again, and calls apply with what applies from then on, once and
	// only if it is valid. It is called once at a time.
	Reload    func(ctx context.Context, apply func(Settings)) (api.Reloaded, error)
	Reloads   <-chan struct{} // each value requests a reload; nil for none
	Path      string          // of the configuration, for display
	Version   string
	Memory    *memory.Pool // shared by all attempts; nil uses the process's memory limit
	Mask      *mask.Set    // secrets that are masked in replies and pages
	Intervals Intervals
	Log       *slog.Logger
}

// Intervals are how often a worker checks state that it is not notified of. 0 is the default.
type Intervals struct {
	Streams   time.Duration // streams, and alerts about publishing, 10s
	Consumers time.Duration // consumers, 5s
	Notify    time.Duration // how long a notification waits for further alerts, 10s
	Fleet     time.Duration // how often a process announces itself, 5s; it counts as gone after three times that
	AckWait   time.Duration // after how long jobs of a fetcher that has gone are given to another, 8s
	Lost      time.Duration // how often jobs at fetchers are looked for whose messages are gone, 20s
}

// Provider is one configured provider.
type Provider = settings.Provider

// Schedule starts runs at the due times of a cron spec.
type Schedule = settings.Schedule
