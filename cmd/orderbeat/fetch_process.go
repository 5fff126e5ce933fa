package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"orderbeat/auth/seal"
	"orderbeat/cmd/orderbeat/config"
	"orderbeat/cmd/orderbeat/memory"
	"orderbeat/worker"
	"orderbeat/worker/tokens"
)

// fetch runs a process with worker.role = "fetch", which only performs jobs. It opens no database,
// and uses the sandbox of another process.
func fetch(ctx context.Context, current *liveConfig, h hooks, log *slog.Logger) (err error) {
	c := current.first
	memory.Limit(log)
	keys, err := prepare(c, false, log)
	if err != nil {
		return fmt.Errorf("%w; a fetcher needs the key file of the other processes", err)
	}
	version := readBuild().Version
	bucket := tokens.New(tokens.Config{NATS: c.NATS, Check: checkKeys(keys, log), Log: log})
	deps := config.ProviderDeps{Tokens: seal.New(bucket, keys), UserAgent: "orderbeat/" + version, Log: log, Mask: c.Mask}
	if c.Sandbox != nil {
		deps.SandboxURL = "http://" + c.Sandbox.Listen
	}
	suppliers, err := current.start(deps)
	if err != nil {
		return err
	}
	defer func(c io.Closer) { err = errors.Join(err, c.Close()) }(current)
	log.Info("starting", "config", c.Path, "role", c.Worker.Role, "sandbox", deps.SandboxURL, "version", version)
	return worker.Fetch(ctx, worker.Config{
		NATS: c.NATS, TokenBucket: bucket, Providers: suppliers, Concurrency: c.Worker.Concurrency, Drain: c.Worker.Drain,
		Started: h.manager.fetching, Stopping: h.stopping, Web: c.Web, Telemetry: c.Telemetry, Version: version, Mask: c.Mask, Log: log,
		Reload: current.reload, Reloads: h.reloads, Path: c.Path,
	})
}
