package snapshot

import (
	"context"

	"github.com/nats-io/nats.go/jetstream"

	"orderbeat/worker/bus"
)

// states returns the states of the streams that followers apply, by topic.
func states(ctx context.Context, c *bus.Conn) (map[string]jetstream.StreamState, error) {
	all := map[string]jetstream.StreamState{}
	for _, topic := range bus.Followed {
		state, err := c.State(ctx, topic)
		if err != nil {
			return nil, err
		}
		all[topic] = state
	}
	return all, nil
}

// coveredBy reports whether the streams still have all messages that are newer than the snapshot.
func (m *manifest) coveredBy(all map[string]jetstream.StreamState) bool {
	for topic, state := range all {
		if m.Sequences[topic]+1 < state.FirstSeq {
			return false
		}
	}
	return true
}
