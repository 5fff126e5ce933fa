package leader

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"orderbeat/worker/bus"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// leaseKey is the lease's key in its bucket: who has it owns the database that counts.
const leaseKey = "store"

// Term is what the lease says: who works, and how far.
type Term struct {
	ID       string    `json:"id"`      // the database's
	Process  string    `json:"process"` // another one for each process
	Place    string    `json:"place"`   // for people: where the database is
	Since    time.Time `json:"since"`
	Released bool      `json:"released,omitempty"` // it stopped in good order
	// Accounted has a time for each schedule: all due times until then are accounted
	// for, and what they asked for is told.
	Accounted map[string]time.Time `json:"accounted,omitempty"`
}

// AccountedElsewhere is until when the due times of schedules are accounted for by another
// database than id; nil when it was this one. One that had no time to say so accounted for
// what was due before it began.
func (t Term) AccountedElsewhere(id string, schedules []string) map[string]time.Time {
	if t.ID == id || t.ID == "" {
		return nil
	}
	if t.Accounted != nil {
		return t.Accounted
	}
	since := map[string]time.Time{}
	for _, name := range schedules {
		since[name] = t.Since
	}
	return since
}

// errUnreadable is that the lease's value is none: somebody else wrote it.
var errUnreadable = errors.New("not a lease")

// look reads the lease, and makes its bucket where there is none. Without a lease the
// revision is 0. With [errUnreadable] the revision is that of the unreadable value.
func (l *Lease) look(ctx context.Context) (last Term, revision uint64, err error) {
	ctx, cancel := context.WithTimeout(ctx, bus.Patience)
	defer cancel()
	l.kv, err = l.js.KeyValue(ctx, l.bucket.Bucket)
	if errors.Is(err, jetstream.ErrBucketNotFound) {
		l.kv, err = l.js.CreateKeyValue(ctx, l.bucket)
	}
	if errors.Is(err, nats.ErrNoResponders) {
		err = jetstream.ErrJetStreamNotEnabled
	}
	if err != nil {
		return Term{}, 0, fmt.Errorf("bucket %s: %w", l.bucket.Bucket, l.explain(err))
	}
	entry, err := l.kv.Get(ctx, leaseKey)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return Term{}, 0, nil
	}
	if err != nil {
		return Term{}, 0, fmt.Errorf("bucket %s: %w", l.bucket.Bucket, l.explain(err))
	}
	if json.Unmarshal(entry.Value(), &last) != nil || last.ID == "" || last.Process == "" {
		return Term{}, entry.Revision(), fmt.Errorf("bucket %s: key %s is %w: %.40q", l.bucket.Bucket, leaseKey, errUnreadable, entry.Value())
	}
	return last, entry.Revision(), nil
}

// put writes the lease if it is still at a revision, 0 if there is none, and returns the
// next one.
func (l *Lease) put(ctx context.Context, revision uint64) (uint64, error) {
	if l.kv == nil {
		return 0, errors.New("the bucket was not found")
	}
	ctx, cancel := context.WithTimeout(ctx, bus.Patience)
	defer cancel()
	text, err := json.Marshal(l.mine)
	if err != nil {
		return 0, err
	}
	if revision == 0 {
		return l.kv.Create(ctx, leaseKey, text)
	}
	return l.kv.Update(ctx, leaseKey, text, revision)
}
