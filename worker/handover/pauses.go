package handover

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"log/slog"
	"regexp"

	"github.com/nats-io/nats.go/jetstream"

	"orderbeat/db/schedules"
	"orderbeat/worker/bus"
)

// Pauses stores in the bucket of the lease which schedules are paused.
type Pauses struct {
	Conn     *bus.Conn
	Subjects bus.Subjects
	Log      *slog.Logger
}

// pausePrefix begins the keys of schedules.
const pausePrefix = "pause.schedule."

// state is the value of a schedule. One that was never paused has none.
type state struct {
	Schedule string           `json:"schedule"`
	Pause    *schedules.Pause `json:"pause"` // null if it was resumed
}

// Set writes that a schedule is paused, or with nil that it is not. It logs a failure, and does not retry:
// the database of this process has the pause.
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
		p.Log.Warn("pause is not recorded in NATS: the next leader will not apply it", "bucket", p.bucket(), "schedule", schedule, "err", p.Conn.Explain(err))
	}
}

// keyOf encodes a schedule's name as a key: a name may have characters that a key may not.
func keyOf(schedule string) string {
	if validKey.MatchString(schedule) {
		return schedule
	}
	return "=" + base64.RawURLEncoding.EncodeToString([]byte(schedule))
}

var validKey = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)

func (p *Pauses) bucket() string { return p.Subjects.Stream("worker") }

// Each calls do for every schedule that was ever paused, with nil if it was resumed.
func (p *Pauses) Each(ctx context.Context, do func(schedule string, p *schedules.Pause) error) {
	if p == nil {
		return
	}
	var failed error
	err := each(ctx, p.Conn.JS, p.bucket(), pausePrefix+">", func(key string, value []byte) {
		var s state
		if err := json.Unmarshal(value, &s); err != nil || s.Schedule == "" {
			p.Log.Error("pause of a schedule is unreadable, it is left alone", "bucket", p.bucket(), "key", key, "err", err)
			return
		}
		failed = errors.Join(failed, do(s.Schedule, s.Pause))
	})
	if err = errors.Join(err, failed); err != nil && ctx.Err() == nil {
		p.Log.Error("failed to read the pauses of schedules: schedules that the previous leader paused may run", "bucket", p.bucket(), "err", p.Conn.Explain(err))
	}
}
