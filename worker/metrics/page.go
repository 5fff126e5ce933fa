package metrics

import (
	"context"
	"log/slog"
	"net/http"
	"runtime"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"orderbeat/auth"
	"orderbeat/clients"
	"orderbeat/db"
	"orderbeat/worker/settings"
)

const (
	// scrapeTimeout is the timeout of the database queries of a scrape.
	scrapeTimeout = 2 * time.Second
	// maxCounted is the maximum number of messages that are counted per topic.
	maxCounted = 100_000
)

var (
	perCredential = []string{"provider", "user"}

	authState       = desc("auth_state", "1 for the current state of a credential, 0 for the others.", append(perCredential, "state"))
	authExpiry      = desc("auth_token_expiry_seconds", "Time until the access token expires, 0 without a valid access token.", perCredential)
	authConsent     = desc("auth_consent_required", "1 while a user must grant access.", perCredential)
	authCooldown    = desc("auth_cooldown_seconds", "Time until the next token request after failures, 0 without a cooldown.", perCredential)
	authFailures    = desc("auth_failures", "Failed token requests since the last token.", perCredential)
	authLogins      = desc("auth_logins_total", "Token requests sent.", perCredential)
	authReplays     = desc("auth_replays_total", "Requests replayed after a 401.", perCredential)
	authReuses      = desc("auth_reuses_total", "Number of times that a cached token was used instead of a token request.", perCredential)
	alertsRaised    = desc("alerts_raised", "Raised alerts.", []string{"provider", "code"})
	leading         = desc("leader", "1 on the leader, 0 on a follower.", nil)
	lagSeconds      = desc("follower_lag_seconds", "Time since the database of this follower last contained everything that was published.", nil)
	lagMessages     = desc("follower_lag_messages", "Published messages that are not in the database of this follower.", nil)
	fleetProcesses  = desc("fleet_processes", "Processes that share the NATS prefix by what they do, on the leader.", []string{"does"})
	walBytes        = desc("db_wal_bytes", "Size of the database's write-ahead log; it grows during long reads.", nil)
	buildInfo       = desc("build_info", "Always 1; the version is a label.", []string{"version", "go_version"})
	dbBytes         = desc("db_bytes", "Size of the database without its write-ahead log.", nil)
	jobsUnfinished  = desc("jobs", "Unfinished jobs by state, each up to 100,000.", []string{"state"})
	openOrders      = desc("open_orders", "Open orders by status.", []string{"provider", "status"})
	lateOrders      = desc("late_orders", "Open orders whose next promised date has passed, up to 100,000.", []string{"provider"})
	outboxAge       = desc("outbox_oldest_age_seconds", "Age of the oldest message waiting to be published, 0 if none is waiting.", []string{"topic"})
	outboxMessages  = desc("outbox_messages", "Messages waiting to be published, up to 100,000.", []string{"topic"})
	setAside        = desc("unpublishable_messages", "Messages that were set aside because NATS rejects them.", nil)
	lastSuccess     = desc("account_last_success_timestamp_seconds", "Time of the last successful sync of an account, 0 if there was none.", []string{"provider", "account"})
	breakerState    = desc("breaker_state", "1 for the current state of a provider's breaker, 0 for the others.", []string{"provider", "state"})
	breakerFailures = desc("breaker_failures", "Consecutive failed calls to a provider.", []string{"provider"})
	rateNow         = desc("rate_calls_per_second", "Current rate limit of calls to a provider, 0 if unlimited.", []string{"provider"})
)

var authStates = []auth.State{auth.StateEmpty, auth.StateValid, auth.StateConsent, auth.StateRejected, auth.StateCooldown}

func desc(name, help string, labels []string) *prometheus.Desc {
	return prometheus.NewDesc("orderbeat_"+name, help, labels, nil)
}

// Config has the page's data sources.
type Config struct {
	DB        *db.DB
	Providers func() []settings.Provider
	// Sources returns the token sources of a provider and a user. Both match all if they are
	// "".
	Sources func(provider, user string) []*auth.Source
	Leading func() bool // this process is the leader
	// Lag returns how far this follower is behind; follows is false on other processes.
	Lag func() (behind time.Duration, messages uint64, follows bool)
	// Fleet returns the number of processes by what they do, nil unless this process leads.
	Fleet   func() map[string]int
	Topics  []string // of the outbox
	Version string
	Log     *slog.Logger
}

// New returns the handler of the Prometheus metrics. Values are collected at each scrape. They include names of
// users, but no secrets.
func New(c Config, counters ...prometheus.Collector) http.Handler {
	return NewFetcher(c, append(counters,
		collector(func(_ context.Context, m sink) { m.ofDatabase(c) }), collector(func(ctx context.Context, m sink) { m.ofAlerts(ctx, c) }),
		collector(func(ctx context.Context, m sink) { m.ofAccounts(ctx, c) }), collector(func(ctx context.Context, m sink) { m.ofOutbox(ctx, c) }),
		collector(func(ctx context.Context, m sink) { m.ofOrders(ctx, c) }), collector(func(ctx context.Context, m sink) { m.ofJobs(ctx, c) }),
	)...)
}

// NewFetcher is like [New], for a process without a database, which never leads.
func NewFetcher(c Config, counters ...prometheus.Collector) http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		collector(func(_ context.Context, m sink) { m.gauge(buildInfo, 1, c.Version, runtime.Version()) }),
		collector(func(_ context.Context, m sink) { m.ofCredentials(c) }), collector(func(_ context.Context, m sink) { m.ofTraffic(c.Providers()) }),
	)
	registry.MustRegister(counters...)
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{
		ErrorLog: slog.NewLogLogger(c.Log.Handler(), slog.LevelWarn), ErrorHandling: promhttp.ContinueOnError,
	})
}

// collector is a [prometheus.Collector] that describes nothing in advance.
type collector func(ctx context.Context, m sink)

// Describe implements [prometheus.Collector].
func (collector) Describe(chan<- *prometheus.Desc) {}

// Collect implements [prometheus.Collector].
func (c collector) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), scrapeTimeout)
	defer cancel()
	c(ctx, ch)
}

// sink receives metrics.
type sink chan<- prometheus.Metric

func (m sink) gauge(d *prometheus.Desc, value float64, labels ...string) {
	m <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
}

func (m sink) counter(d *prometheus.Desc, value float64, labels ...string) {
	m <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, value, labels...)
}

func (m sink) failed(d *prometheus.Desc, err error) {
	if err != nil {
		m <- prometheus.NewInvalidMetric(d, err)
	}
}

func (m sink) ofDatabase(c Config) {
	m.gauge(leading, oneIf(c.Leading()))
	if behind, messages, follows := c.Lag(); follows {
		m.gauge(lagSeconds, behind.Seconds())
		m.gauge(lagMessages, float64(messages))
	}
	for what, n := range c.Fleet() {
		m.gauge(fleetProcesses, float64(n), what)
	}
	m.gauge(dbBytes, float64(c.DB.FileBytes()))
	m.gauge(walBytes, float64(c.DB.WALBytes()))
}

// ofOrders reports open and late orders.
func (m sink) ofOrders(ctx context.Context, c Config) {
	open, err := c.DB.Reports().OpenOrders(ctx)
	m.failed(openOrders, err)
	for _, n := range open {
		m.gauge(openOrders, float64(n.Orders), n.Provider, n.Status)
	}
	late, err := c.DB.Reports().LateOrders(ctx)
	m.failed(lateOrders, err)
	counts := map[string]int{}
	for _, n := range late {
		counts[n.Provider] = n.Orders
	}
	for _, p := range c.Providers() {
		m.gauge(lateOrders, float64(counts[p.Name]), p.Name)
	}
}

// ofJobs reports unfinished jobs.
func (m sink) ofJobs(ctx context.Context, c Config) {
	counts, err := c.DB.Reports().Backlog(ctx)
	m.failed(jobsUnfinished, err)
	for state, n := range counts {
		m.gauge(jobsUnfinished, float64(n), string(state))
	}
}

func (m sink) ofCredentials(c Config) {
	now := time.Now()
	for _, source := range c.Sources("", "") {
		st := source.Status()
		for _, state := range authStates {
			m.gauge(authState, oneIf(st.State == state), st.Provider, st.User, string(state))
		}
		cooldown := 0.0
		if st.Cooling {
			cooldown = max(0, st.NextAttemptAt.Sub(now).Seconds())
		}
		m.gauge(authExpiry, float64(st.LifeLeft), st.Provider, st.User)
		m.gauge(authConsent, oneIf(st.State == auth.StateConsent), st.Provider, st.User)
		m.gauge(authCooldown, cooldown, st.Provider, st.User)
		m.gauge(authFailures, float64(st.Failures), st.Provider, st.User)
		m.counter(authLogins, float64(st.Logins), st.Provider, st.User)
		m.counter(authReplays, float64(st.Replays), st.Provider, st.User)
		m.counter(authReuses, float64(st.Saved), st.Provider, st.User)
	}
}

// ofTraffic reports the calls of this process to all providers.
func (m sink) ofTraffic(providers []settings.Provider) {
	for _, p := range providers {
		t, ok, err := p.Stats()
		m.failed(breakerState, err)
		if !ok {
			continue
		}
		for _, state := range clients.BreakerStates {
			m.gauge(breakerState, oneIf(t.Breaker.State == state), p.Name, string(state))
		}
		m.gauge(breakerFailures, float64(t.Breaker.Failures), p.Name)
		m.gauge(rateNow, t.PerSecond, p.Name)
		if t.Calls != nil {
			t.Calls.Collect(m)
		}
	}
}

func (m sink) ofAlerts(ctx context.Context, c Config) {
	raised, err := c.DB.RaisedAlerts(ctx)
	m.failed(alertsRaised, err)
	for k, n := range raised {
		m.gauge(alertsRaised, float64(n), k.Provider, string(k.Code))
	}
}

// ofAccounts reports the last success of each account.
func (m sink) ofAccounts(ctx context.Context, c Config) {
	list, err := c.DB.Freshness(ctx, "")
	if err != nil {
		m.failed(lastSuccess, err)
		return
	}
	last := map[[2]string]float64{}
	for _, f := range list {
		if f.LastSuccessAt != nil {
			last[[2]string{f.Provider, f.Account}] = float64(f.LastSuccessAt.UnixMilli()) / 1000
		}
	}
	for _, p := range c.Providers() {
		for _, a := range p.Accounts {
			m.gauge(lastSuccess, last[[2]string{p.Name, a.Name}], p.Name, a.Name)
		}
	}
}

// ofOutbox reports the messages that wait to be published.
func (m sink) ofOutbox(ctx context.Context, c Config) {
	for _, topic := range c.Topics {
		n, err := c.DB.Backlog(ctx, topic, maxCounted)
		if err != nil {
			m.failed(outboxMessages, err)
			return
		}
		m.gauge(outboxMessages, float64(n), topic)
		oldest, err := c.DB.Reports().OldestMessage(ctx, topic)
		m.failed(outboxAge, err)
		age := 0.0
		if oldest != nil {
			age = max(0, time.Since(*oldest).Seconds())
		}
		m.gauge(outboxAge, age, topic)
	}
	n, err := c.DB.SetAsideCount(ctx)
	if err != nil {
		m.failed(setAside, err)
		return
	}
	m.gauge(setAside, float64(n))
}

func oneIf(holds bool) float64 {
	if holds {
		return 1
	}
	return 0
}
