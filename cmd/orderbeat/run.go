package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"orderbeat/auth"
	"orderbeat/auth/seal"
	"orderbeat/clients"
	"orderbeat/clients/section"
	"orderbeat/cmd/orderbeat/cli"
	"orderbeat/cmd/orderbeat/cli/sandbox"
	"orderbeat/cmd/orderbeat/config"
	"orderbeat/cmd/orderbeat/lock"
	"orderbeat/cmd/orderbeat/memory"
	"orderbeat/db"
	"orderbeat/worker"
	"orderbeat/worker/settings"
	"orderbeat/worker/snapshot"
	"orderbeat/worker/telemetry"
	"orderbeat/worker/tokens"
)

func runCommand(a *cli.App) *cobra.Command {
	return &cobra.Command{
		Use:   "run",
		Short: "Run the worker: schedules, jobs, NATS, and the sandbox if configured",
		Long: `Run the worker until it is stopped. After SIGINT or SIGTERM it starts no new job, finishes
running ones within worker.drain, and publishes the remaining messages. If a job still runs
then, it exits with status 4, at most 5 seconds after worker.drain. A second signal ends it at
once. Acknowledged data is not lost in either case. If the process that reads the log ends,
the worker continues.

SIGHUP reloads the configuration, as "orderbeat reload" does. An invalid configuration changes nothing.

Several workers, each with its own database, can use one NATS with the same prefix: one leads,
the others follow and apply what it publishes to their databases. A worker without a database
starts from the leader's newest snapshot. A follower takes over when the leader has stopped
or has not renewed its lease for 12 seconds. A worker that was replaced as leader exits with
status 1; let your service manager restart it, as a follower. With worker.role = "fetch" it
needs no database: it takes jobs that the leader has queued, calls the providers and returns
the outcomes.`,
		Example: `  orderbeat run
  orderbeat run --config /etc/orderbeat/config.toml`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			signals := otherSignals()
			conf, err := a.Load()
			if err != nil {
				return err
			}
			log, level := newLog(a.RawStderr, conf.Log, conf.Mask)
			if conf.Telemetry.Endpoint != "" {
				log = telemetry.Logger(log)
			}
			manager := newServiceManager(conf.Worker.Drain+drainGrace, log)
			defer manager.close()
			var logging sync.WaitGroup
			ended := make(chan struct{})
			reloads := make(chan struct{}, 1)
			logging.Go(func() { handleSignals(signals, reloads, ended, log) })
			current := &liveConfig{app: a, first: conf, now: conf, level: level, manager: manager}
			err = runWithDeadline(c.Context(), current, hooks{manager: manager, greet: greeting(a, conf), reloads: reloads}, log)
			close(ended)
			logging.Wait()
			if c.Context().Err() != nil && errors.Is(err, context.Canceled) {
				err = nil // stopped during startup: no job was running
			}
			if err == nil {
				log.Info("stopped")
			}
			return err
		},
	}
}

// hooks are called as the worker starts and stops.
type hooks struct {
	manager  *serviceManager
	greet    func(page string) // nil where there is no terminal
	reloads  <-chan struct{}   // requests to reload
	stopping func()
}

// leading is called when the worker leads, with the address of its page.
func (h hooks) leading(page string) {
	h.manager.leading()
	if h.greet != nil {
		h.greet(page)
	}
}

// drainGrace is the time after worker.drain at which the process exits even if jobs still run.
const drainGrace = 4500 * time.Millisecond

// runWithDeadline runs the worker. It returns at most overtime after worker.drain has passed, even
// if a provider call or a transaction does not end.
func runWithDeadline(ctx context.Context, current *liveConfig, h hooks, log *slog.Logger) error {
	c := current.first
	stopping, stop := context.WithCancel(ctx)
	defer stop()
	h.stopping = func() {
		h.manager.stopping()
		stop()
	}
	ended := make(chan error, 1)
	go func() {
		ended <- runWorker(ctx, current, h, log)
		stop()
	}()
	<-stopping.Done()
	var err error
	select {
	case err = <-ended:
	case <-time.After(c.Worker.Drain + drainGrace):
		err = worker.ErrAbandoned
	}
	if errors.Is(err, worker.ErrAbandoned) {
		log.Error("stopped while jobs were running", "drain", c.Worker.Drain.String(), "status", cli.Abandoned)
		return cli.Exit(cli.Abandoned, err)
	}
	return err
}

// runWorker opens the worker's resources and runs it. They are closed in the reverse order, which is why this
// is one function.
func runWorker(ctx context.Context, current *liveConfig, h hooks, log *slog.Logger) (err error) {
	c := current.first
	if c.Worker.Role == config.RoleFetch {
		return fetch(ctx, current, h, log)
	}
	memory.Limit(log)
	unlock, err := lock.Acquire(c.DB.Path)
	if err != nil {
		return err
	}
	defer unlock()
	id, place, err := lock.Identify(c.DB.Path)
	if err != nil {
		return fmt.Errorf("db.path: %w", err)
	}
	if c.NATS.URL != "" {
		restorer := snapshot.Restorer{NATS: c.NATS, Path: c.DB.Path, Every: c.Worker.SnapshotEvery, Log: log}
		if err := restorer.Run(ctx); err != nil {
			return err
		}
	}
	database, err := db.Open(ctx, db.Options{Path: c.DB.Path, Synchronous: c.DB.Synchronous, Mask: c.Mask, Log: log})
	if err != nil {
		return fmt.Errorf("db.path: %w", err)
	}
	closing := func(c io.Closer) { err = errors.Join(err, c.Close()) }
	defer closing(database)
	if err := database.EndLeases(ctx); err != nil { // the lock excludes other workers
		return fmt.Errorf("db.path: %w", err)
	}

	keys, err := prepare(c, c.Key.Make, log)
	if err != nil {
		return err
	}
	switch n, err := keys.RemoveLeftovers(ctx); {
	case err != nil:
		log.Warn("failed to remove leftovers of an interrupted rekey", "err", err)
	case n > 0:
		log.Info("removed leftovers of an interrupted rekey", "files", n)
	}
	// With an external NATS, tokens are stored there and shared with other processes.
	var bucket *tokens.Store
	store := database.Tokens()
	if c.NATS.URL != "" {
		bucket = tokens.New(tokens.Config{NATS: c.NATS, Database: id, Local: database, Check: checkKeys(keys, log), Log: log})
		store = bucket
	}
	sealed := seal.New(store, keys)
	version := readBuild().Version
	deps := config.ProviderDeps{Tokens: sealed, UserAgent: "orderbeat/" + version, Log: log, Mask: c.Mask}
	if c.Sandbox != nil {
		server, err := sandbox.Start(ctx, *c.Sandbox)
		if err != nil {
			return err
		}
		defer closing(server)
		deps.SandboxURL = "http://" + server.Address
	}

	suppliers, err := current.start(deps)
	if err != nil {
		return err
	}
	defer closing(current)
	log.Info("starting", "config", c.Path, "database", c.DB.Path, "sandbox", deps.SandboxURL, "version", version)
	return worker.Run(ctx, worker.Config{
		NATS: c.NATS, Role: worker.Role(c.Worker.Role), DB: database, ID: id, Place: place, Providers: suppliers, Schedules: current.schedules(),
		Concurrency: c.Worker.Concurrency, Drain: c.Worker.Drain, Started: h.manager.started, Leading: h.leading, Stopping: h.stopping, QueueAlert: c.Worker.QueueAlert, MaxLag: c.Worker.MaxLag, SnapshotEvery: c.Worker.SnapshotEvery, Web: c.Web, Tokens: sealed, TokenBucket: bucket,
		OnlyChanges: c.Events.Body == config.EventsChanges, Retention: c.DB.Retention, Notify: c.Notify, Telemetry: c.Telemetry, Version: version, Mask: c.Mask, Log: log,
		Reload: current.reload, Reloads: h.reloads, Path: c.Path,
	})
}

// prepare logs the notices about the configuration, and loads the keys that seal tokens.
func prepare(c *config.Config, makeKey bool, log *slog.Logger) (*seal.Keyring, error) {
	for _, notice := range c.Notices {
		log.Warn("configuration", "notice", notice)
	}
	keys, err := seal.LoadKeyring(c.Key.Path, makeKey)
	if err != nil {
		return nil, fmt.Errorf("worker.key: %w", err)
	}
	c.MaskFiles()
	return keys, nil
}

// checkKeys returns a function that logs how many shared tokens were sealed with another key file.
func checkKeys(keys *seal.Keyring, log *slog.Logger) func(rows []auth.Row) {
	return func(rows []auth.Row) {
		if n := keys.Unreadable(rows); n > 0 {
			log.Warn("shared tokens cannot be read: copy the file of worker.key from the machine that sealed them", "unreadable", n, "credentials", len(rows), "key", keys.Path())
		}
	}
}

// named returns an opened provider with the settings of its section that the worker uses.
func named(c section.Config, p clients.Provider) worker.Provider {
	return worker.Provider{
		Provider: p, Name: c.Name, Kind: c.Kind, Environment: c.Environment, Accounts: c.Accounts,
		Concurrency: c.Concurrency, Rate: c.Rate, Retry: c.Retry, FreshFor: c.FreshFor, Uses: &settings.Uses{},
	}
}
