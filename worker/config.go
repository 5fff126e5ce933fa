package worker

import (
	"log/slog"
	"time"

	"orderbeat/auth/mask"
	"orderbeat/auth/seal"
	"orderbeat/clients/memory"
	"orderbeat/db"
	"orderbeat/worker/bus"
	"orderbeat/worker/settings"
	"orderbeat/worker/web"
)

// Config is what a worker is made of. Everything in it is checked already.
type Config struct {
	NATS        bus.Config
	DB          *db.DB
	ID          string // the database's: a worker that is started again is the same
	Place       string // where that database is, for people
	Providers   []Provider
	Schedules   []Schedule
	Concurrency int           // jobs at once in this process
	Drain       time.Duration // how long jobs in hand may take when the program stops
	Stopping    func()        // called once when that begins; nil for nothing
	QueueAlert  time.Duration // how long a job may wait in the queue before an alert is raised; 0 for any time
	Web         web.Config
	Tokens      *seal.Store // what the providers keep their tokens in
	Retention   db.Retention
	Version     string
	Memory      *memory.Pool // shared by all attempts; nil shares out the process's memory limit
	Mask        *mask.Set    // the secrets that no reply and no page may have
	Log         *slog.Logger
}

// The types of its parts.
type (
	Provider = settings.Provider
	Schedule = settings.Schedule
)
