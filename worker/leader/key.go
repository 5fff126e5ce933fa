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

// leaseKey is the lease's key in its bucket.
const leaseKey = "store"

// Term is the value of the lease: which process leads, and the progress of its schedules.
type Term struct {
	ID       string    `json:"id"`      // id of the database
	Process  string    `json:"process"` // unique for each process
	Place    string    `json:"place"`   // host and path of the database, for display
	Since    time.Time `json:"since"`
	Released bool      `json:"released,omitempty"` // the process released it at shutdown
	// Term is an id that changes whenever another database becomes the leader.
	Term string `json:"term,omitempty"`
	// Accounted has a time for each schedule: all its due times until then are recorded, and
	// their requests are in the outbox.
	Accounted map[string]time.Time `json:"accounted,omitempty"`
}

// AccountedElsewhere returns for each schedule the time until which its due times are recorded in a
// database other than id; nil if the lease was held with id. If the leader recorded no progress,
// that is the time when its term began.
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

// errUnreadable means that the value of the key is not a lease.
var errUnreadable = errors.New("not a lease")

// read reads the lease, and creates its bucket if it is missing. The revision is 0 if there is no
// lease. With [errUnreadable] the revision of the value is returned too.
func (l *Lease) read(ctx context.Context) (last Term, revision uint64, err error) {
	ctx, cancel := context.WithTimeout(ctx, bus.Timeout)
	defer cancel()
	kv, err := bus.OpenKeyValue(ctx, l.Conn.JS, l.bucket)
	if errors.Is(err, nats.ErrNoResponders) {
		err = jetstream.ErrJetStreamNotEnabled
	}
	if err != nil {
		return Term{}, 0, fmt.Errorf("bucket %s: %w", l.bucket.Bucket, l.Conn.Explain(err)) // l.kv stays usable
	}
	l.kv = kv
	entry, err := l.kv.Get(ctx, leaseKey)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return Term{}, 0, nil
	}
	if err != nil {
		return Term{}, 0, fmt.Errorf("bucket %s: %w", l.bucket.Bucket, l.Conn.Explain(err))
	}
	if json.Unmarshal(entry.Value(), &last) != nil || last.ID == "" || last.Process == "" {
		return Term{}, entry.Revision(), fmt.Errorf("bucket %s: key %s is %w: %.40q", l.bucket.Bucket, leaseKey, errUnreadable, entry.Value())
	}
	return last, entry.Revision(), nil
}

// put writes the lease if its revision is still the given one, 0 if there is no lease, and returns the new
// revision.
func (l *Lease) put(ctx context.Context, revision uint64) (uint64, error) {
	if l.kv == nil {
		return 0, errors.New("bucket not found")
	}
	ctx, cancel := context.WithTimeout(ctx, bus.Timeout)
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
