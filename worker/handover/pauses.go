package handover

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"log/slog"
	"regexp"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"orderbeat/db/schedules"
	"orderbeat/worker/bus"
	"orderbeat/worker/wait"
)

// Pauses stores in the bucket of the lease which schedules are paused.
type Pauses struct {
	Conn *bus.Conn
	Log  *slog.Logger
}

// pausePrefix is the prefix of the keys of schedules.
const pausePrefix = "pause.schedule."

// state is the stored value of a schedule. A schedule that was never paused has none.
type state struct {
	Schedule string           `json:"schedule"`
	Pause    *schedules.Pause `json:"pause"` // null if it was resumed
}

// Set records that a schedule is paused, or with nil that it is not. It logs a failure and does not retry,
// because the database of this process has the pause too.
func (p *Pauses) Set(ctx context.Context, schedule string, pause *schedules.Pause) {
	if p == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), putTimeout)
	defer cancel()
	value, err := json.Marshal(state{schedule, pause})
	if err == nil {
		var kv jetstream.KeyValue
		if kv, err = p.Conn.JS.KeyValue(ctx, p.bucket()); err == nil {
			_, err = kv.Put(ctx, pausePrefix+keyOf(schedule), value)
		}
	}
	if err != nil {
		p.Log.Warn("failed to record a pause in NATS; the next leader will not apply it", "bucket", p.bucket(), "schedule", schedule, "err", p.Conn.Explain(err))
	}
}

// keyOf encodes a schedule's name as a key, because names may contain characters that keys may not.
func keyOf(schedule string) string {
	if validKey.MatchString(schedule) {
		return schedule
	}
	return "=" + base64.RawURLEncoding.EncodeToString([]byte(schedule))
}

var validKey = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)

func (p *Pauses) bucket() string { return p.Conn.Stream("worker") }

const (
	// readAgain is the interval of retries after the pauses could not be read. They end after readFor.
	readAgain = time.Second
	readFor   = 30 * time.Second
)

// Read calls do once with all schedules that were ever paused; the value is nil if a schedule was resumed. A failure
// is logged and retried up to readFor.
func (p *Pauses) Read(ctx context.Context, do func(known map[string]*schedules.Pause) error) {
	if p == nil {
		return
	}
	for began := time.Now(); ; {
		known, err := p.read(ctx)
		if err == nil {
			err = do(known)
		}
		if err == nil || ctx.Err() != nil {
			return
		}
		p.Log.Error("failed to read the paused schedules; schedules that the previous leader paused may run", "bucket", p.bucket(), "err", p.Conn.Explain(err))
		if time.Since(began) > readFor || !wait.For(ctx, readAgain) {
			return
		}
	}
}

func (p *Pauses) read(ctx context.Context) (map[string]*schedules.Pause, error) {
	known := map[string]*schedules.Pause{}
	err := each(ctx, p.Conn.JS, p.bucket(), pausePrefix+">", func(key string, value []byte) {
		var s state
		if err := json.Unmarshal(value, &s); err != nil || s.Schedule == "" {
			p.Log.Error("skipping the unreadable pause of a schedule", "bucket", p.bucket(), "key", key, "err", err)
			return
		}
		known[s.Schedule] = s.Pause
	})
	return known, err
}
