package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"

	"orderbeat/clients"
	"orderbeat/cmd/orderbeat/cli"
	"orderbeat/cmd/orderbeat/config"
	"orderbeat/worker"
	"orderbeat/worker/api"
)

// liveConfig has the configuration in effect and the providers opened with it. Its methods must
// not be called concurrently.
type liveConfig struct {
	app     *cli.App
	first   *config.Config // as read at startup, to find the keys that need a restart
	now     *config.Config
	deps    config.ProviderDeps
	open    map[string]worker.Provider // by name
	level   *slog.LevelVar
	manager *serviceManager
	closing sync.WaitGroup // goroutines that close replaced providers after their last jobs
}

// start opens all providers at startup.
func (c *liveConfig) start(deps config.ProviderDeps) ([]worker.Provider, error) {
	c.deps = deps
	open, err := c.providers(c.now)
	if err != nil {
		return nil, err
	}
	c.open = open
	return c.inOrder(), nil
}

// providers opens the providers of a configuration, except those that are open and unchanged.
func (c *liveConfig) providers(conf *config.Config) (map[string]worker.Provider, error) {
	open := map[string]worker.Provider{}
	for _, p := range conf.Providers {
		if old, ok := c.open[p.Name]; ok && c.unchanged(p) {
			open[p.Name] = old
			continue
		}
		supplier, err := p.Open(c.deps)
		if err != nil {
			c.discard(open)
			return nil, fmt.Errorf("provider %s: %w", p.Name, err)
		}
		open[p.Name] = named(p.Config, supplier)
	}
	for name, p := range open { // all were opened
		old, replaced := c.open[name]
		if successor, ok := p.Provider.(clients.Successor); ok && replaced && old.Uses != p.Uses {
			successor.Succeed(old.Provider)
		}
	}
	return open, nil
}

// unchanged reports whether a provider is open with the same settings.
func (c *liveConfig) unchanged(p config.Provider) bool {
	for _, old := range c.now.Providers {
		if old.Name == p.Name {
			return p.Same(old)
		}
	}
	return false
}

// discard closes newly opened providers of a configuration that is not applied.
func (c *liveConfig) discard(open map[string]worker.Provider) {
	for name, p := range open {
		if c.open[name].Uses != p.Uses {
			_ = closeProvider(p)
		}
	}
}

// inOrder lists the open providers in the order of the configuration.
func (c *liveConfig) inOrder() []worker.Provider {
	list := make([]worker.Provider, len(c.now.Providers))
	for i, p := range c.now.Providers {
		list[i] = c.open[p.Name]
	}
	return list
}

// schedules are the schedules of the configuration.
func (c *liveConfig) schedules() []worker.Schedule {
	list := make([]worker.Schedule, len(c.now.Schedules))
	for i, s := range c.now.Schedules {
		list[i] = s.Schedule
	}
	return list
}

// reload reads the configuration again and applies it. An invalid one changes nothing.
func (c *liveConfig) reload(ctx context.Context, apply func(worker.Settings)) (api.Reloaded, error) {
	c.manager.reloading()
	defer c.manager.reloaded()
	conf, err := c.app.Reload(ctx, c.first.Mask)
	if err != nil {
		return api.Reloaded{}, rejected(err)
	}
	open, err := c.providers(conf)
	if err != nil {
		return api.Reloaded{}, rejected(err)
	}
	for _, notice := range conf.Notices {
		c.deps.Log.Warn("configuration", "notice", notice)
	}
	var reloaded api.Reloaded
	reloaded.Applied, _ = conf.Changes(c.now)
	_, reloaded.Restart = conf.Changes(c.first)
	before := c.open
	c.now, c.open = conf, open
	c.level.Set(levels[conf.Log.Level])
	apply(worker.Settings{
		Providers: c.inOrder(), Schedules: c.schedules(), Concurrency: conf.Worker.Concurrency,
		QueueAlert: conf.Worker.QueueAlert, Retention: conf.DB.Retention, Notify: conf.Notify,
	})
	for name, old := range before {
		if open[name].Uses != old.Uses {
			c.retire(old)
		}
	}
	return reloaded, nil
}

// retire closes a replaced provider when the last job that uses it has ended.
func (c *liveConfig) retire(p worker.Provider) {
	unused := p.Uses.Retire()
	c.closing.Go(func() {
		<-unused
		if err := closeProvider(p); err != nil {
			c.deps.Log.Warn("failed to close a replaced provider", "provider", p.Name, "err", err)
		}
	})
}

// Close closes all providers.
func (c *liveConfig) Close() (err error) {
	for _, p := range c.open {
		err = errors.Join(err, closeProvider(p))
	}
	c.closing.Wait()
	return err
}

func closeProvider(p worker.Provider) error {
	if closer, ok := p.Provider.(io.Closer); ok {
		return closer.Close()
	}
	return nil
}

// maxRejected is the maximum length of the error text of a rejected configuration, in bytes.
const maxRejected = 16 << 10

// rejected returns the API error for a configuration that is not applied.
func rejected(err error) error {
	if e, ok := errors.AsType[*cli.ExitError](err); ok {
		err = e.Err
	}
	text := err.Error()
	if len(text) > maxRejected {
		text = text[:maxRejected] + " …"
	}
	return &api.Error{Status: 400, Code: clients.CodeInvalid, Message: text, Hint: "Nothing was changed. Correct the file and reload again."}
}
