package snapshot

import (
	"context"
	"errors"

	"github.com/nats-io/nats.go/jetstream"

	"orderbeat/worker/bus"
)

// topics are the streams that followers apply.
var topics = []string{"orders", "results", "alerts"}

// states returns the state of each stream that exists, by topic.
func states(ctx context.Context, c *bus.Conn) (map[string]jetstream.StreamState, error) {
	ctx, cancel := context.WithTimeout(ctx, bus.Timeout)
	defer cancel()
	all := map[string]jetstream.StreamState{}
	for _, topic := range topics {
		stream, err := c.JS.Stream(ctx, c.Stream(topic))
		if errors.Is(err, jetstream.ErrStreamNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		all[topic] = stream.CachedInfo().State
	}
	return all, nil
}

// reaches reports whether the streams still have all messages after the snapshot.
func (m *manifest) reaches(all map[string]jetstream.StreamState) bool {
	for topic, state := range all {
		if m.Sequences[topic]+1 < state.FirstSeq {
			return false
		}
	}
	return true
}
