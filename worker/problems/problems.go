// Package problems reports failures of work that is retried until it succeeds: each distinct
// cause is logged once, and again at growing intervals while it lasts.
//
// It writes the log lines and exports the metrics of such failures. It does not retry,
// and does not depend on NATS or the database. Start reading at [Activity.Failed].
package problems

import (
	"log/slog"
	"regexp"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

const (
	// firstPause is the interval between the first two log lines about one cause. It doubles with
	// each line, up to lastPause.
	firstPause = time.Minute
	lastPause  = time.Hour
	// maxCauses bounds the causes that an activity remembers. A new one replaces the one that
	// was seen least recently.
	maxCauses = 32
)

// Set holds the activities of one process. It is safe for concurrent use.
type Set struct {
	log *slog.Logger

	mu         sync.Mutex // guards activities
	activities []*Activity
}

// NewSet returns a set that logs to log.
func NewSet(log *slog.Logger) *Set { return &Set{log: log} }

// Activity returns the activity with that name, such as "lease", and adds it if it is new. The
// name is the value of a metric label.
func (s *Set) Activity(name string) *Activity {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range s.activities {
		if a.name == name {
			return a
		}
	}
	a := &Activity{name: name, log: s.log, causes: map[string]*cause{}}
	s.activities = append(s.activities, a)
	return a
}

// Activity is work that is retried until it succeeds. It is safe for concurrent
// use.
type Activity struct {
	name string
	log  *slog.Logger

	mu       sync.Mutex // guards the rest
	err      error      // of the last attempt, nil if it succeeded
	failures uint64
	failing  time.Time // start of the current failure, zero if there is none
	logged   bool      // a failure was logged since the last success
	causes   map[string]*cause
}

// cause is one distinct reason of failures.
type cause struct {
	since time.Time     // of its first failure
	seen  time.Time     // of its last failure
	next  time.Time     // when it is logged again
	pause time.Duration // between the last log line and the next
	count int
}

// over reports whether the cause has not been seen for longer than its pause. If it occurs again, it is
// treated as a new cause.
func (c *cause) over(now time.Time) bool { return now.Sub(c.seen) > c.pause }

// Failed records a failed attempt. msg and attrs are as in [slog.Logger.Warn]. The log line also has
// err and, from the second line about one cause, how long and how often it occurred. Errors
// that differ only in numbers count as one cause.
func (a *Activity) Failed(msg string, err error, attrs ...any) {
	now := time.Now()
	a.mu.Lock()
	a.err = err
	a.failures++
	if a.failing.IsZero() {
		a.failing = now
	}
	line, attrs, due := a.line(now, msg, err, attrs)
	a.logged = a.logged || due
	a.mu.Unlock()
	if due {
		a.log.Warn(line, attrs...) //nolint:sloglint // the caller's constant
	}
}

// Noticed logs and counts a failure like [Activity.Failed], but the activity still counts as working.
func (a *Activity) Noticed(msg string, err error, attrs ...any) {
	a.mu.Lock()
	a.failures++
	line, attrs, due := a.line(time.Now(), msg, err, attrs)
	a.mu.Unlock()
	if due {
		a.log.Warn(line, attrs...) //nolint:sloglint // the caller's constant
	}
}

// line returns the log line for a failure, and false if none is due. The caller holds the mutex.
func (a *Activity) line(now time.Time, msg string, err error, attrs []any) (string, []any, bool) {
	key := numbers.ReplaceAllString(msg+"\n"+err.Error(), "0")
	c := a.causes[key]
	if c == nil || c.over(now) {
		c = &cause{since: now, pause: firstPause}
		a.add(key, c)
	}
	c.seen = now
	c.count++
	if now.Before(c.next) {
		return "", nil, false
	}
	attrs = append(slices.Clip(attrs), "err", err)
	if c.count > 1 {
		msg = "still: " + msg
		attrs = append(attrs, "for", now.Sub(c.since).Round(time.Second).String(), "failures", c.count)
		c.pause = min(2*c.pause, lastPause)
	}
	c.next = now.Add(c.pause)
	return msg, attrs, true
}

// numbers are the parts of an error that may differ within one cause: ports, sequences, ids and
// durations.
var numbers = regexp.MustCompile(`[0-9][0-9A-Za-z.]*`)

// add remembers a cause. The caller holds the mutex.
func (a *Activity) add(key string, c *cause) {
	if _, ok := a.causes[key]; !ok && len(a.causes) >= maxCauses {
		oldest := ""
		for k, other := range a.causes {
			if oldest == "" || other.seen.Before(a.causes[oldest].seen) {
				oldest = k
			}
		}
		delete(a.causes, oldest)
	}
	a.causes[key] = c
}

// OK records a successful attempt. It logs the recovery if the failure was logged.
func (a *Activity) OK() {
	a.mu.Lock()
	logged, failing := a.logged, a.failing
	a.err, a.failing, a.logged = nil, time.Time{}, false
	a.mu.Unlock()
	if logged {
		a.log.Info("recovered", "activity", a.name, "after", time.Since(failing).Round(time.Second).String())
	}
}

// Pending records why no attempt is possible now: Err returns err until the next
// attempt ends. err is neither logged nor counted.
func (a *Activity) Pending(err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.err = err
}

// Err is the error of the last attempt, nil if it succeeded.
func (a *Activity) Err() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.err
}

var (
	label    = []string{"activity"}
	failing  = prometheus.NewDesc("orderbeat_failing", "1 while the activity fails, 0 while it works.", label, nil)
	failures = prometheus.NewDesc("orderbeat_failures_total", "Failed attempts of the activity.", label, nil)
)

// Describe implements [prometheus.Collector].
func (s *Set) Describe(ch chan<- *prometheus.Desc) {
	ch <- failing
	ch <- failures
}

// Collect implements [prometheus.Collector].
func (s *Set) Collect(ch chan<- prometheus.Metric) {
	s.mu.Lock()
	activities := slices.Clip(s.activities)
	s.mu.Unlock()
	for _, a := range activities {
		a.mu.Lock()
		now, total := 0.0, float64(a.failures)
		if !a.failing.IsZero() {
			now = 1
		}
		a.mu.Unlock()
		ch <- prometheus.MustNewConstMetric(failing, prometheus.GaugeValue, now, a.name)
		ch <- prometheus.MustNewConstMetric(failures, prometheus.CounterValue, total, a.name)
	}
}
