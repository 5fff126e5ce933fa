package bus

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"orderbeat/worker/wait"
)

// InFlight is the set of messages of one stream that this process works on, by sequence. It is
// safe for concurrent use.
type InFlight struct {
	mu   sync.Mutex // guards msgs
	msgs map[uint64]jetstream.Msg
}

// NewInFlight returns an empty set.
func NewInFlight() *InFlight { return &InFlight{msgs: map[uint64]jetstream.Msg{}} }

// Add adds a message. It is false if the message is in the set already.
func (f *InFlight) Add(m jetstream.Msg) bool {
	seq := Sequence(m)
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, ok := f.msgs[seq]; ok {
		return false
	}
	f.msgs[seq] = m
	return true
}

// Count is the number of messages whose subject has this prefix.
func (f *InFlight) Count(prefix string) (n int) {
	for _, m := range f.List() {
		if strings.HasPrefix(m.Subject(), prefix) {
			n++
		}
	}
	return n
}

// Remove removes a message that was acknowledged.
func (f *InFlight) Remove(m jetstream.Msg) {
	seq := Sequence(m)
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.msgs, seq)
}

// Sequence is a message's sequence in its stream, 0 if it is not from a consumer.
func Sequence(m jetstream.Msg) uint64 {
	meta, err := m.Metadata()
	if err != nil {
		return 0
	}
	return meta.Sequence.Stream
}

// List lists the messages.
func (f *InFlight) List() []jetstream.Msg {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Collect(maps.Values(f.msgs))
}

// Heartbeat extends the ack deadlines of all messages until ctx ends, so often.
func (f *InFlight) Heartbeat(ctx context.Context, every time.Duration) {
	for wait.For(ctx, every) {
		for _, m := range f.List() {
			_ = m.InProgress() // if this is lost, the message is redelivered and recognised
		}
	}
}
