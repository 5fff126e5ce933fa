package tokens

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"orderbeat/auth"
	"orderbeat/worker/bus"
	"orderbeat/worker/wait"
)

const (
	// requestTimeout bounds one request to the server. The election of a stream leader takes longer, so requests
	// are retried.
	requestTimeout = 2 * time.Second
	// retryPause is the pause before a request is retried.
	retryPause = 200 * time.Millisecond
	// maxConflicts bounds how often a write is retried because another process wrote the row first. At each
	// conflict one of the writers succeeds, so more conflicts mean that a process writes in an endless loop.
	maxConflicts = 20
)

// stored is a row as it is in the bucket; revision is 0 if there is none.
type stored struct {
	row      auth.Row
	holder   string
	value    []byte
	revision uint64
}

// memory has the newest entries that this process read or wrote. A lagging replica may return
// an older entry, which must not be mistaken for a lost lease.
type memory struct {
	mu   sync.Mutex // guards seen
	seen map[string]stored
}

// newer returns the remembered entry if it is newer than read; otherwise it remembers and returns read.
func (m *memory) newer(key string, read stored) stored {
	m.mu.Lock()
	defer m.mu.Unlock()
	if last, ok := m.seen[key]; ok && last.revision > read.revision {
		return last
	}
	if read.revision > 0 {
		m.seen[key] = read
	}
	return read
}

// forget removes an entry that turned out to be outdated.
func (m *memory) forget(key string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.seen, key)
}

// bucket is the key-value bucket after it was looked up.
type bucket struct {
	kv       jetstream.KeyValue
	stream   jetstream.Stream // the stream of the bucket
	database string           // [Config.Database]
	memory   *memory
}

// change replaces the row of a credential with the one that decide returns, unless decide returns
// false, and reports whether it did. decide may be called again with a row that another process wrote
// in the meantime. Failed requests are retried until ctx ends.
func (b *bucket) change(ctx context.Context, credential string, decide func(stored) (auth.Row, bool)) (bool, error) {
	var written []byte
	for conflicts := 0; ; {
		pause := retryPause
		old, err := b.read(ctx, credential)
		if err == nil {
			if written != nil && bytes.Equal(old.value, written) {
				return true, nil // the response to the write was lost
			}
			row, ok := decide(old)
			if !ok {
				return false, nil
			}
			if written, err = b.write(ctx, old, row); err == nil {
				return true, nil
			}
		}
		switch {
		case isConflict(err):
			b.memory.forget(credential)
			if conflicts++; conflicts == maxConflicts {
				return false, fmt.Errorf("key %s: other processes changed it %d times in a row: %w", keyOf(credential), conflicts, err)
			}
			pause = 2*time.Millisecond + rand.N(10*time.Millisecond*time.Duration(conflicts))
		case errors.Is(err, errUnreadable), errors.Is(err, jetstream.ErrInvalidKey):
			return false, err
		}
		if !wait.For(ctx, pause) {
			return false, err
		}
	}
}

// isConflict reports whether another process changed the entry after it was read.
func isConflict(err error) bool {
	return errors.Is(err, jetstream.ErrKeyExists) || errors.Is(err, jetstream.ErrKeyRevisionMismatch)
}

// read returns the row of a credential.
func (b *bucket) read(ctx context.Context, credential string) (stored, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	key := keyOf(credential)
	none := stored{row: auth.Row{Key: credential, State: auth.StateEmpty}}
	e, err := b.kv.Get(ctx, key)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return b.memory.newer(credential, none), nil
	}
	if err != nil {
		return none, err
	}
	row, holder, err := decode(credential, e.Value())
	if err != nil {
		b.memory.forget(credential)
		return none, fmt.Errorf("key %s, revision %d: %w", key, e.Revision(), err)
	}
	return b.memory.newer(credential, stored{row, holder, e.Value(), e.Revision()}), nil
}

// write replaces an entry with a row if the entry is still the newest, and returns the value that it wrote or
// tried to write.
func (b *bucket) write(ctx context.Context, old stored, row auth.Row) (value []byte, err error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	next := stored{row: row}
	switch row.LeaseOwner {
	case "":
	case old.row.LeaseOwner:
		next.holder = old.holder
	default:
		next.holder = b.database
	}
	if next.value, err = encode(row, next.holder); err != nil {
		return nil, err
	}
	credential := old.row.Key
	if old.revision == 0 {
		next.revision, err = b.kv.Create(ctx, keyOf(credential), next.value)
	} else {
		next.revision, err = b.kv.Update(ctx, keyOf(credential), next.value, old.revision)
	}
	if err == nil {
		b.memory.newer(credential, next)
	}
	return next.value, err
}

// credentials lists the credentials in the bucket.
func (b *bucket) credentials(ctx context.Context) (list []string, err error) {
	ctx, cancel := context.WithTimeout(ctx, bus.Timeout)
	defer cancel()
	prefix := "$KV." + b.kv.Bucket() + "."
	info, err := b.stream.Info(ctx, jetstream.WithSubjectFilter(prefix+">"))
	if err != nil {
		return nil, err
	}
	for subject := range info.State.Subjects {
		key := strings.TrimPrefix(subject, prefix)
		credential, ok := credentialOf(key)
		if !ok {
			return nil, fmt.Errorf("key %s: %w: another program wrote it; delete the key", key, errUnreadable)
		}
		list = append(list, credential)
	}
	return list, nil
}

// rows returns all rows.
func (b *bucket) rows(ctx context.Context) (list []auth.Row, err error) {
	credentials, err := b.credentials(ctx)
	if err != nil {
		return nil, err
	}
	for _, credential := range credentials {
		e, err := b.read(ctx, credential)
		if err != nil {
			return nil, err
		}
		if e.revision != 0 {
			list = append(list, e.row)
		}
	}
	return list, nil
}
