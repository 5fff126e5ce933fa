package snapshot

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/prometheus/client_golang/prometheus"

	"orderbeat/db"
	"orderbeat/worker/bus"
	"orderbeat/worker/problems"
	"orderbeat/worker/wait"
)

const (
	// firstRetry is the pause after a failure, which doubles up to lastRetry.
	firstRetry = time.Minute
	lastRetry  = time.Hour
)

// Config has the dependencies of a [Maker].
type Config struct {
	DB   *db.DB
	Conn *bus.Conn
	// Every is the age at which the newest snapshot is replaced; 0 disables snapshots.
	Every time.Duration
	// Confirm checks in NATS that this process is the leader, and returns an error if not.
	Confirm  func(ctx context.Context) error
	Activity *problems.Activity
	Log      *slog.Logger
}

// Maker makes snapshots while this process is the leader. It is safe for concurrent use.
type Maker struct {
	Config
	bucket bucket
	wanted wait.Signal // set when a follower requests a snapshot

	mu       sync.Mutex // guards the rest
	running  bool       // [Maker.Run] was called
	newest   *manifest  // the newest snapshot that new followers can use; nil if none is known
	unusable string     // the id of a snapshot that followers reported as unusable
	making   bool       // a snapshot is being made or was requested
	err      error      // the result of the last attempt
}

// NewMaker returns a Maker. It makes no snapshots until [Maker.Run] is called.
func NewMaker(c Config) *Maker {
	return &Maker{Config: c, bucket: bucket{c.Conn.JS, c.Conn.Config}, wanted: wait.NewSignal()}
}

// request is a message of a follower on [requestSubject].
type request struct {
	Make     bool   `json:"make"`               // make a snapshot if the newest is too old; if false, only reply with the state
	Unusable string `json:"unusable,omitempty"` // the id of a snapshot that the follower could not use
}

// state is the reply to a [request].
type state struct {
	Making bool   `json:"making"`
	Error  string `json:"error,omitempty"` // the error of the last attempt
}

// requestSubject is the subject, without the prefix, on which the leader receives requests of followers.
const requestSubject = "leader.snapshot"

// Run makes snapshots when they are due and when followers request them, until ctx ends. Call it only while this process
// is the leader, and only once at a time.
func (m *Maker) Run(ctx context.Context) {
	if m.Every == 0 {
		return
	}
	m.mu.Lock()
	m.running = true
	m.mu.Unlock()
	var replying sync.WaitGroup
	defer replying.Wait()
	replying.Go(func() {
		for ctx.Err() == nil {
			if err := m.reply(ctx); err != nil {
				m.Activity.Noticed("failed to receive snapshot requests, will retry", m.Conn.Explain(err))
			}
			wait.For(ctx, firstRetry)
		}
	})
	retry := firstRetry
	for {
		pause := m.Every
		err := m.look(ctx)
		if err == nil {
			if pause = m.untilDue(); pause <= 0 {
				err = m.make(ctx)
				pause = m.Every
			}
		}
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			m.Activity.Failed("failed to make a snapshot for new followers, will retry", m.Conn.Explain(err))
			pause, retry = min(retry, pause), min(2*retry, lastRetry)
		default:
			m.Activity.OK()
			retry = firstRetry
		}
		m.ended(err)
		if !wait.Until(ctx, m.wanted, pause) {
			return
		}
	}
}

// look looks up the newest snapshot. A snapshot that cannot be used counts as missing.
func (m *Maker) look(ctx context.Context) error {
	newest, err := m.bucket.newest(ctx)
	if isUnusable(err) {
		m.Activity.Noticed("the newest snapshot is unusable and will be replaced", err)
		newest, err = nil, nil
	}
	if err != nil {
		return err
	}
	all, err := states(ctx, m.Conn)
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.newest = newest; newest != nil && (newest.ID == m.unusable || !newest.coveredBy(all)) {
		m.newest = nil
	}
	return nil
}

// untilDue returns the time until the next snapshot is due.
func (m *Maker) untilDue() time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.newest == nil {
		return 0
	}
	return time.Until(m.newest.MadeAt.Add(m.Every))
}

// make makes a snapshot.
func (m *Maker) make(ctx context.Context) (err error) {
	m.mu.Lock()
	m.making = true
	m.mu.Unlock()
	begun := time.Now()
	s, err := m.DB.Snapshot(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Remove()) }()
	copied := time.Now()
	made, err := m.bucket.put(ctx, s, begun, m.Confirm)
	if err != nil {
		return err
	}
	m.mu.Lock()
	m.newest = made
	m.mu.Unlock()
	m.Log.Info("snapshot for new followers made", "snapshot", made.ID, "bytes", made.Bytes, "compressed_bytes", made.Compressed, "sequence", made.Sequences["orders"],
		"copying", copied.Sub(begun).Round(time.Millisecond).String(), "storing", time.Since(copied).Round(time.Millisecond).String())
	return nil
}

// ended records the result of a check, and of the attempt to make a snapshot if one was due.
func (m *Maker) ended(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.making, m.err = len(m.wanted) > 0, err
}

// reply replies to requests of followers until ctx ends. It returns an error if it cannot receive them.
func (m *Maker) reply(ctx context.Context) error {
	requests, err := m.Conn.NATS.SubscribeSync(m.Conn.Of(requestSubject))
	if err != nil {
		return err
	}
	defer func() { _ = requests.Unsubscribe() }() // the connection may be closed
	for {
		msg, err := requests.NextMsgWithContext(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, nats.ErrSlowConsumer):
			continue
		case err != nil:
			return err
		}
		var r request
		if err := json.Unmarshal(msg.Data, &r); err != nil {
			continue // another program sent it
		}
		if body, err := json.Marshal(m.handle(ctx, r)); err == nil {
			_ = msg.Respond(body) // the follower retries without a reply
		}
	}
}

// handle handles a request.
func (m *Maker) handle(ctx context.Context, r request) state {
	if r.Make {
		m.mu.Lock()
		m.unusable = cmp.Or(r.Unusable, m.unusable)
		m.mu.Unlock()
		if err := m.look(ctx); err != nil {
			return state{Error: m.Conn.Explain(err).Error()}
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	due := m.newest == nil || time.Since(m.newest.MadeAt) > m.Every
	if r.Make && due { // also while one is made: it may be the one that the follower cannot use
		m.making = true
		m.wanted.Set()
	}
	s := state{Making: m.making}
	if m.err != nil {
		s.Error = m.err.Error()
	}
	return s
}

var (
	madeAtDesc = prometheus.NewDesc("orderbeat_snapshot_timestamp_seconds", "On the leader: when the newest snapshot for new followers was made, 0 if there is none.", nil, nil)
	sizeDesc   = prometheus.NewDesc("orderbeat_snapshot_bytes", "On the leader: size of the newest snapshot for new followers, compressed.", nil, nil)
)

// Describe implements [prometheus.Collector].
func (m *Maker) Describe(ch chan<- *prometheus.Desc) {
	ch <- madeAtDesc
	ch <- sizeDesc
}

// Collect implements [prometheus.Collector].
func (m *Maker) Collect(ch chan<- prometheus.Metric) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.running {
		return
	}
	at, size := 0.0, 0.0
	if m.newest != nil {
		at, size = float64(m.newest.MadeAt.UnixMilli())/1000, float64(m.newest.Compressed)
	}
	ch <- prometheus.MustNewConstMetric(madeAtDesc, prometheus.GaugeValue, at)
	ch <- prometheus.MustNewConstMetric(sizeDesc, prometheus.GaugeValue, size)
}
