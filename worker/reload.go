package worker

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"orderbeat/auth"
	"orderbeat/db/retention"
	"orderbeat/worker/api"
	"orderbeat/worker/credentials"
	"orderbeat/worker/notifier"
)

// Settings are the part of a configuration that a reload replaces.
type Settings struct {
	Providers   []Provider
	Schedules   []Schedule
	Concurrency int
	QueueAlert  time.Duration
	Retention   retention.Periods
	Notify      []notifier.Target
}

// reloader reads the configuration again on request, one request at a time, and remembers how the last
// one ended.
type reloader struct {
	read     func(ctx context.Context, apply func(Settings)) (api.Reloaded, error)
	requests <-chan struct{}
	apply    func(Settings)
	log      *slog.Logger
	turn     chan struct{} // semaphore with capacity 1, held during a reload

	mu    sync.Mutex // guards state
	state api.Configuration
}

func newReloader(c Config, apply func(Settings)) *reloader {
	if c.Reload == nil {
		c.Reload = func(context.Context, func(Settings)) (api.Reloaded, error) {
			return api.Reloaded{}, errors.New("this worker has no configuration file")
		}
	}
	return &reloader{
		read: c.Reload, requests: c.Reloads, apply: apply, log: c.Log, turn: make(chan struct{}, 1),
		state: api.Configuration{Path: c.Path, LoadedAt: time.Now().UTC(), Restart: []string{}},
	}
}

// run reloads when it is requested, until ctx ends.
func (r *reloader) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.requests:
			_, _ = r.reload(ctx) // logged
		}
	}
}

// reload reads the configuration and applies it. An invalid configuration changes nothing.
func (r *reloader) reload(ctx context.Context) (api.Reloaded, error) {
	select {
	case r.turn <- struct{}{}:
		defer func() { <-r.turn }()
	case <-ctx.Done():
		return api.Reloaded{}, ctx.Err()
	}
	reloaded, err := r.read(ctx, r.apply)
	now := time.Now().UTC()
	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil {
		text := err.Error()
		if e, ok := errors.AsType[*api.Error](err); ok {
			text = e.Message
		}
		r.state.RejectedAt, r.state.Error = &now, text
		r.log.Error("configuration rejected, nothing was changed", "config", r.state.Path, "err", text)
		return reloaded, err
	}
	r.state.LoadedAt, r.state.RejectedAt, r.state.Error, r.state.Restart = now, nil, "", reloaded.Restart
	r.log.Info("configuration reloaded", "config", r.state.Path, "applied", reloaded.Applied)
	if len(reloaded.Restart) > 0 {
		r.log.Warn("changes take effect after a restart", "keys", reloaded.Restart)
	}
	return reloaded, nil
}

// configuration returns the current state.
func (r *reloader) configuration() api.Configuration {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.state
}

var (
	reloadSuccessful = prometheus.NewDesc("orderbeat_config_last_reload_successful", "1 if the last reload of the configuration was successful, or there was none; 0 if the file was rejected.", nil, nil)
	configLoaded     = prometheus.NewDesc("orderbeat_config_loaded_timestamp_seconds", "Time when the current configuration was read.", nil, nil)
)

// Describe implements [prometheus.Collector].
func (r *reloader) Describe(ch chan<- *prometheus.Desc) {
	ch <- reloadSuccessful
	ch <- configLoaded
}

// Collect implements [prometheus.Collector].
func (r *reloader) Collect(ch chan<- prometheus.Metric) {
	state, successful := r.configuration(), 1.0
	if state.RejectedAt != nil {
		successful = 0
	}
	ch <- prometheus.MustNewConstMetric(reloadSuccessful, prometheus.GaugeValue, successful)
	ch <- prometheus.MustNewConstMetric(configLoaded, prometheus.GaugeValue, float64(state.LoadedAt.UnixMilli())/1000)
}

// credentialManager has the credentials of the configured providers, and maintains them while run runs.
type credentialManager struct {
	open func([]Provider) *credentials.Credentials
	now  atomic.Pointer[credentials.Credentials]

	mu    sync.Mutex // guards the rest; held while credentials are replaced
	start func(*credentials.Credentials) (stop func())
	stop  func()
}

func newCredentialManager(providers []Provider, open func([]Provider) *credentials.Credentials) *credentialManager {
	c := &credentialManager{open: open, stop: func() {}}
	c.now.Store(open(providers))
	return c
}

// run maintains the credentials until ctx ends.
func (c *credentialManager) run(ctx context.Context) {
	c.mu.Lock()
	c.start = func(creds *credentials.Credentials) func() {
		own, stop := context.WithCancel(ctx)
		var running sync.WaitGroup
		running.Go(func() { creds.Watch(own) })
		running.Go(func() { creds.RenewIdle(own) })
		return func() { stop(); running.Wait() }
	}
	c.stop = c.start(c.now.Load())
	c.mu.Unlock()
	<-ctx.Done()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stop()
	c.start, c.stop = nil, func() {}
}

// replace replaces the providers. It misses no change of a credential's state, because all states are
// processed again.
func (c *credentialManager) replace(ctx context.Context, providers []Provider) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stop()
	creds := c.open(providers)
	c.now.Store(creds)
	if c.start != nil {
		creds.Prepare(ctx)
		c.stop = c.start(creds)
	}
}

// sources returns the token sources of a provider and a user; "" matches all.
func (c *credentialManager) sources(provider, user string) []*auth.Source {
	return c.now.Load().Sources(provider, user)
}

// close closes all sources, which first store the results of running renewals. The channel is closed
// when that is done.
func (c *credentialManager) close() <-chan struct{} { return closeAll(c.sources("", "")) }

// closeAll closes sources. The channel is closed when all have ended.
func closeAll(sources []*auth.Source) <-chan struct{} {
	done := make(chan struct{})
	go func() { // [auth.Source.Close] returns in bounded time
		defer close(done)
		var closing sync.WaitGroup
		for _, source := range sources {
			closing.Go(source.Close)
		}
		closing.Wait()
	}()
	return done
}
