package bus

import (
	"cmp"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// InFlight is the set of messages of one stream that this process is handling, by sequence. It extends their
// ack deadlines. It is safe for concurrent use.
type InFlight struct {
	every time.Duration

	mu     sync.Mutex // guards timers
	timers map[uint64]*time.Timer
}

// NewInFlight returns an empty set.
func (q *Streams) NewInFlight() *InFlight {
	return &InFlight{every: min(heartbeat, cmp.Or(q.AckWait, ackWait)/3), timers: map[uint64]*time.Timer{}}
}

// Add adds a message. It returns false if the message is already in the set.
func (f *InFlight) Add(m jetstream.Msg) bool {
	seq := Sequence(m)
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, ok := f.timers[seq]; ok {
		return false
	}
	f.timers[seq] = time.AfterFunc(f.every, func() {
		_ = m.InProgress() // if this is lost, the message is redelivered and Add recognises it
		f.mu.Lock()
		defer f.mu.Unlock()
		if timer, ok := f.timers[seq]; ok {
			timer.Reset(f.every)
		}
	})
	return true
}

// Count returns the number of messages.
func (f *InFlight) Count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.timers)
}

// Remove removes a message that was acknowledged.
func (f *InFlight) Remove(m jetstream.Msg) {
	seq := Sequence(m)
	f.mu.Lock()
	defer f.mu.Unlock()
	if timer, ok := f.timers[seq]; ok {
		timer.Stop()
		delete(f.timers, seq)
	}
}

// Sequence returns a message's stream sequence, 0 if the message is not from a consumer.
func Sequence(m jetstream.Msg) uint64 {
	meta, err := m.Metadata()
	if err != nil {
		return 0
	}
	return meta.Sequence.Stream
}
