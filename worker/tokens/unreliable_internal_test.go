package tokens // an inside test: no server is behind, or loses a response, on purpose

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"orderbeat/auth"
)

// unreliable is a bucket in memory.
type unreliable struct {
	jetstream.KeyValue
	behind  int     // how many writes its replica is behind
	lost    int     // how many responses to writes are lost
	entries []value // oldest first
}

func (l *unreliable) Get(context.Context, string) (jetstream.KeyValueEntry, error) {
	if len(l.entries) <= l.behind {
		return nil, jetstream.ErrKeyNotFound
	}
	return l.entries[len(l.entries)-1-l.behind], nil
}

func (l *unreliable) Create(ctx context.Context, key string, text []byte, _ ...jetstream.KVCreateOpt) (uint64, error) {
	return l.Update(ctx, key, text, 0)
}

func (l *unreliable) Update(_ context.Context, _ string, text []byte, revision uint64) (uint64, error) {
	if revision != uint64(len(l.entries)) {
		return 0, jetstream.ErrKeyRevisionMismatch
	}
	l.entries = append(l.entries, value{text: text, revision: revision + 1})
	if l.lost > 0 {
		l.lost--
		return 0, context.DeadlineExceeded
	}
	return revision + 1, nil
}

type value struct {
	jetstream.KeyValueEntry
	text     []byte
	revision uint64
}

func (v value) Value() []byte    { return v.text }
func (v value) Revision() uint64 { return v.revision }

func TestReplicaThatIsBehindLosesNoLease(t *testing.T) {
	renew(t, &unreliable{behind: 1})
}

func TestLostResponseIsNoLostWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		renew(t, &unreliable{lost: 3})
	})
}

// renew leases and commits a few times.
func renew(t *testing.T, kv jetstream.KeyValue) {
	t.Helper()
	b := &bucket{kv: kv, memory: &memory{seen: map[string]stored{}}}
	now := time.Now()
	for generation := range int64(5) {
		l := auth.Lease{Key: "k", Generation: generation, Owner: "me", At: now, Until: now.Add(time.Minute)}
		if won, err := b.change(t.Context(), "k", func(old stored) (auth.Row, bool) { return l.Taken(old.row, old.revision != 0) }); !won || err != nil {
			t.Fatalf("lease %d: got %v, %v", generation, won, err)
		}
		took, err := b.change(t.Context(), "k", func(old stored) (auth.Row, bool) {
			return l.Committed(old.row, auth.Row{Key: "k", State: auth.StateValid, Generation: generation + 1})
		})
		if !took || err != nil {
			t.Fatalf("commit %d: got %v, %v", generation, took, err)
		}
	}
}
