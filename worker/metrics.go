package worker

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"orderbeat/auth"
	"orderbeat/db"
)

// metricsPatience bounds how long the database may take to tell of alerts, or of accounts.
const metricsPatience = 2 * time.Second

var (
	perCredential = []string{"provider", "user"}

	authState      = desc("auth_state", "1 for the state that a credential is in, 0 for the others.", append(perCredential, "state"))
	authExpiry     = desc("auth_token_expiry_seconds", "Time until the access token ends, 0 without a live one.", perCredential)
	authConsent    = desc("auth_consent_required", "1 while a person must grant access.", perCredential)
	authCooldown   = desc("auth_cooldown_seconds", "Time until a token may be asked for again after failures, 0 without a cooldown.", perCredential)
	authFailures   = desc("auth_failures", "Failed token requests since the last token.", perCredential)
	authLogins     = desc("auth_logins_total", "Token requests sent.", perCredential)
	authReplays    = desc("auth_replays_total", "Calls sent again after a 401.", perCredential)
	authSaved      = desc("auth_saved_total", "Times that a token served again, without a token request.", perCredential)
	alertsRaised   = desc("alerts_raised", "Alerts that a person should look at now.", []string{"provider", "code"})
	working        = desc("working", "1 while this process works, 0 while it stands by.", nil)
	outboxMessages = desc("outbox_messages", "Messages that are still to be published, up to 100,000.", []string{"topic"})
	setAside       = desc("unpublishable_messages", "Messages that are set aside because NATS refuses them.", nil)
	lastSuccess    = desc("account_last_success_timestamp_seconds", "When a provider last told of an account's orders, 0 when it never did.", []string{"provider", "account"})
)

var authStates = []auth.State{auth.StateEmpty, auth.StateValid, auth.StateConsent, auth.StateRefused, auth.StateCooling}

func desc(name, help string, labels []string) *prometheus.Desc {
	return prometheus.NewDesc("orderbeat_"+name, help, labels, nil)
}

// newMetrics is the page for Prometheus. It asks when it is asked, so that it shows
// what holds now; names of users are in it, and no secret.
func newMetrics(c Config, creds *credentials, l *lease, counters ...prometheus.Collector) http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		&authMetrics{creds}, &alertMetrics{c.DB}, &freshMetrics{c.DB, c.Providers}, &trafficMetrics{c.Providers}, &leaseMetrics{l}, &outboxMetrics{c.DB},
	)
	registry.MustRegister(prometheus.NewGaugeFunc(
		prometheus.GaugeOpts{Name: "orderbeat_db_wal_bytes", Help: "Size of the database's write-ahead log; it grows while somebody reads for long."},
		func() float64 { return float64(c.DB.WALBytes()) },
	))
	registry.MustRegister(counters...)
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{
		ErrorLog: slog.NewLogLogger(c.Log.Handler(), slog.LevelWarn), ErrorHandling: promhttp.ContinueOnError,
	})
}

// authMetrics tell of all credentials.
type authMetrics struct{ credentials *credentials }

// Describe implements [prometheus.Collector].
func (m *authMetrics) Describe(ch chan<- *prometheus.Desc) { prometheus.DescribeByCollect(m, ch) }

// Collect implements [prometheus.Collector].
func (m *authMetrics) Collect(ch chan<- prometheus.Metric) {
	now := time.Now()
	for _, c := range m.credentials.all {
		st := c.Status()
		tell := func(d *prometheus.Desc, kind prometheus.ValueType, value float64, labels ...string) {
			ch <- prometheus.MustNewConstMetric(d, kind, value, append([]string{st.Provider, st.User}, labels...)...)
		}
		for _, state := range authStates {
			tell(authState, prometheus.GaugeValue, oneIf(st.State == state), string(state))
		}
		cooldown := 0.0
		if st.Cooling {
			cooldown = max(0, st.NextAttemptAt.Sub(now).Seconds())
		}
		tell(authExpiry, prometheus.GaugeValue, float64(st.LifeLeft))
		tell(authConsent, prometheus.GaugeValue, oneIf(st.State == auth.StateConsent))
		tell(authCooldown, prometheus.GaugeValue, cooldown)
		tell(authFailures, prometheus.GaugeValue, float64(st.Failures))
		tell(authLogins, prometheus.CounterValue, float64(st.Logins))
		tell(authReplays, prometheus.CounterValue, float64(st.Replays))
		tell(authSaved, prometheus.CounterValue, float64(st.Saved))
	}
}

// alertMetrics count the alerts that are raised.
type alertMetrics struct{ db *db.DB }

// Describe implements [prometheus.Collector].
func (m *alertMetrics) Describe(ch chan<- *prometheus.Desc) { ch <- alertsRaised }

// Collect implements [prometheus.Collector].
func (m *alertMetrics) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), metricsPatience)
	defer cancel()
	raised, err := m.db.RaisedAlerts(ctx)
	if err != nil {
		ch <- prometheus.NewInvalidMetric(alertsRaised, err)
		return
	}
	for k, n := range raised {
		ch <- prometheus.MustNewConstMetric(alertsRaised, prometheus.GaugeValue, float64(n), k.Provider, string(k.Code))
	}
}

// freshMetrics tell how well each account is known.
type freshMetrics struct {
	db        *db.DB
	providers []Provider
}

// Describe implements [prometheus.Collector].
func (m *freshMetrics) Describe(ch chan<- *prometheus.Desc) { ch <- lastSuccess }

// Collect implements [prometheus.Collector].
func (m *freshMetrics) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), metricsPatience)
	defer cancel()
	list, err := m.db.Freshness(ctx, "")
	if err != nil {
		ch <- prometheus.NewInvalidMetric(lastSuccess, err)
		return
	}
	type key struct{ provider, account string }
	last := map[key]float64{}
	for _, f := range list {
		if f.LastSuccessAt != nil {
			last[key{f.Provider, f.Account}] = float64(f.LastSuccessAt.UnixMilli()) / 1000
		}
	}
	for _, p := range m.providers {
		for _, a := range p.Accounts {
			ch <- prometheus.MustNewConstMetric(lastSuccess, prometheus.GaugeValue, last[key{p.Name, a.Name}], p.Name, a.Name)
		}
	}
}

// leaseMetrics tell whether this process works.
type leaseMetrics struct{ lease *lease }

// Describe implements [prometheus.Collector].
func (m *leaseMetrics) Describe(ch chan<- *prometheus.Desc) { ch <- working }

// Collect implements [prometheus.Collector].
func (m *leaseMetrics) Collect(ch chan<- prometheus.Metric) {
	ch <- prometheus.MustNewConstMetric(working, prometheus.GaugeValue, oneIf(m.lease.standing() == nil))
}

// newUnread counts the orders that stood in answers and could not be read.
func newUnread(providers []Provider) *prometheus.CounterVec {
	unread := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "orderbeat_unread_orders_total", Help: "Orders that stood in answers of a provider and could not be read; the others of the answer were stored.",
	}, []string{"provider"})
	for _, p := range providers {
		unread.WithLabelValues(p.Name)
	}
	return unread
}

// newForeign counts the jobs that this process got and that belong to another database,
// from 0, so that the first is seen as one more.
func newForeign(providers []Provider) *prometheus.CounterVec {
	foreign := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "orderbeat_foreign_jobs_total", Help: "Jobs that this process got, and ended, because another database knows them.",
	}, []string{"provider"})
	for _, p := range providers {
		foreign.WithLabelValues(p.Name)
	}
	return foreign
}

// newTicks counts the due times of schedules by what became of them, from 0, so that the
// first of each is seen as one more.
func newTicks(schedules []Schedule) *prometheus.CounterVec {
	ticks := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "orderbeat_ticks_total", Help: "Due times of a schedule that this process accounted for, by what became of them.",
	}, []string{"schedule", "outcome"})
	for _, s := range schedules {
		for _, outcome := range []string{"started", "skipped", "missed", "caught_up"} {
			ticks.WithLabelValues(s.Name, outcome)
		}
	}
	return ticks
}

// newTopicCounter counts by topic of the outbox, from 0.
func newTopicCounter(name, help string) *prometheus.CounterVec {
	counter := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, []string{"topic"})
	for _, topic := range topics {
		counter.WithLabelValues(topic)
	}
	return counter
}

// outboxMetrics tell how much is still to be published.
type outboxMetrics struct{ db *db.DB }

// maxCounted bounds how many messages of a topic are counted.
const maxCounted = 100_000

// Describe implements [prometheus.Collector].
func (m *outboxMetrics) Describe(ch chan<- *prometheus.Desc) {
	ch <- outboxMessages
	ch <- setAside
}

// Collect implements [prometheus.Collector].
func (m *outboxMetrics) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), metricsPatience)
	defer cancel()
	for _, topic := range topics {
		n, err := m.db.Backlog(ctx, topic, maxCounted)
		if err != nil {
			ch <- prometheus.NewInvalidMetric(outboxMessages, err)
			return
		}
		ch <- prometheus.MustNewConstMetric(outboxMessages, prometheus.GaugeValue, float64(n), topic)
	}
	n, err := m.db.SetAsideCount(ctx)
	if err != nil {
		ch <- prometheus.NewInvalidMetric(setAside, err)
		return
	}
	ch <- prometheus.MustNewConstMetric(setAside, prometheus.GaugeValue, float64(n))
}

func oneIf(holds bool) float64 {
	if holds {
		return 1
	}
	return 0
}
