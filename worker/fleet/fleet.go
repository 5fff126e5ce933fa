package fleet

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"orderbeat/worker/api"
	"orderbeat/worker/bus"
	"orderbeat/worker/problems"
	"orderbeat/worker/wait"
)

const (
	// announceEvery is how often a process writes its entry; life is how long an entry is valid.
	announceEvery = 5 * time.Second
	life          = lives * announceEvery
	lives         = 3
	// lookEvery is how often a process checks whether its Does has changed. Then it writes its entry immediately.
	lookEvery = time.Second
	// retryPause is the pause after a failure.
	retryPause = time.Second
	// bucketBytes limits the bucket if the streams have a limit.
	bucketBytes = 4 << 20
)

// Process is the entry of one process.
type Process struct {
	ID        string    `json:"process"` // unique for each process
	Host      string    `json:"host"`
	Role      string    `json:"role"`
	Does      []string  `json:"does"`          // leads or follows, fetches
	Lag       *api.Lag  `json:"lag,omitempty"` // of a follower
	Version   string    `json:"version"`
	Wire      int       `json:"wire"` // version of the encoding of jobs and outcomes
	Since     time.Time `json:"since"`
	Providers []string  `json:"providers"`
	Slots     int       `json:"slots"` // attempts that it makes at once; 0 if it makes none
	InFlight  int       `json:"in_flight"`
}

// ProcessID returns the fleet id of the process that uses a database. A restarted process with the same
// database replaces its old entry.
func ProcessID(database string) string {
	sum := sha256.Sum256([]byte(database))
	return hex.EncodeToString(sum[:16])
}

// fetches reports whether the process makes attempts at jobs of a provider.
func (p *Process) fetches(provider string) bool {
	return p.Slots > 0 && slices.Contains(p.Providers, provider)
}

// Config has a fleet's dependencies.
type Config struct {
	Conn *bus.Conn
	// Self returns the current entry of this process. Its id never changes.
	Self func() Process
	// Changed is called when other processes join, leave or change, and at each periodic write of the
	// entry. It must not block.
	Changed  func()
	Every    time.Duration // how often the entry is written; 0 is 5s. An entry is valid three times as long
	Activity *problems.Activity
	Log      *slog.Logger
}

// Fleet is the view of all processes. It is safe for concurrent use.
type Fleet struct {
	c         Config
	bucket    jetstream.KeyValueConfig
	announced []string      // Does in the entry as last written; only [Fleet.Run] uses it
	joined    chan struct{} // closed once the others are known and this process is announced

	mu     sync.Mutex // guards others
	others map[string]member
}

// member is another process. seen is when its entry was last received, by this process's clock.
type member struct {
	Process
	seen time.Time
}

// New returns a fleet that knows no other process yet; [Fleet.Run] joins it.
func New(c Config) *Fleet {
	config := c.Conn.Config.KeyValueConfig("fleet", "processes", bucketBytes)
	config.TTL, config.Storage = life, jetstream.MemoryStorage
	return &Fleet{c: c, bucket: config, joined: make(chan struct{}), others: map[string]member{}}
}

func (f *Fleet) every() time.Duration { return cmp.Or(f.c.Every, announceEvery) }
func (f *Fleet) life() time.Duration  { return lives * f.every() }

// Run announces this process and watches the others until ctx ends. Then it deletes its entry.
func (f *Fleet) Run(ctx context.Context) {
	for ctx.Err() == nil {
		err := f.follow(ctx)
		if err == nil || ctx.Err() != nil {
			return
		}
		f.c.Activity.Failed("failed to announce this process or to watch the others, will retry", f.c.Conn.Explain(err), "bucket", f.bucket.Bucket)
		wait.For(ctx, retryPause)
	}
}

// Wait waits until this process knows the others and is announced. It returns false if ctx ended first.
func (f *Fleet) Wait(ctx context.Context) bool {
	select {
	case <-f.joined:
		return true
	case <-ctx.Done():
		return false
	}
}

// follow reads all entries, writes its own and watches the bucket, until ctx ends or it fails.
func (f *Fleet) follow(ctx context.Context) error {
	kv, err := f.open(ctx)
	if err != nil {
		return err
	}
	watcher, err := kv.WatchAll(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = watcher.Stop() }()
	f.renewAll()
	started, seen, tick := false, true, time.NewTicker(f.every())
	defer tick.Stop()
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	slow := time.NewTimer(bus.Timeout) // for the current entries, which normally arrive immediately
	defer slow.Stop()
	for {
		select {
		case <-ctx.Done():
			f.withdraw(context.WithoutCancel(ctx), kv)
			return nil
		case entry, ok := <-watcher.Updates():
			switch {
			case !ok:
				return errors.New("the watch of the bucket ended")
			case entry != nil && entry.Key() == f.c.Self().ID:
				seen = true
				continue
			case entry != nil:
				f.noted(entry, started)
				continue
			}
			// All current entries have arrived. This process applies its share before others see its entry.
			started = true
			f.c.Changed()
			if err := f.announce(ctx, kv); err != nil {
				return err
			}
			f.c.Activity.OK()
			f.once()
		case <-slow.C:
			if !started {
				return errors.New("the entries of the bucket do not arrive")
			}
		case <-tick.C:
			if !started {
				continue
			}
			// A watch may stop delivering without an error. Then the other processes would expire here.
			if !seen {
				return errors.New("the entry of this process does not arrive")
			}
			seen = false
			if err := f.announce(ctx, kv); err != nil {
				return err
			}
			f.c.Activity.OK()
			f.expire()
			f.c.Changed()
		case <-look.C:
			if !started || slices.Equal(f.c.Self().Does, f.announced) {
				continue
			}
			if err := f.announce(ctx, kv); err != nil {
				return err
			}
		}
	}
}

func (f *Fleet) once() {
	select {
	case <-f.joined:
	default:
		close(f.joined)
	}
}

func (f *Fleet) open(ctx context.Context) (jetstream.KeyValue, error) {
	ctx, cancel := context.WithTimeout(ctx, bus.Timeout)
	defer cancel()
	kv, err := bus.OpenKeyValue(ctx, f.c.Conn.JS, f.bucket)
	if err != nil {
		return nil, fmt.Errorf("bucket %s: %w", f.bucket.Bucket, err)
	}
	return kv, nil
}

// announce writes the entry of this process.
func (f *Fleet) announce(ctx context.Context, kv jetstream.KeyValue) error {
	ctx, cancel := context.WithTimeout(ctx, bus.Timeout)
	defer cancel()
	self := f.c.Self()
	text, err := json.Marshal(self)
	if err != nil {
		return err
	}
	if _, err = kv.Put(ctx, self.ID, text); err == nil {
		f.announced = self.Does
	}
	return err
}

// withdraw deletes the entry, so that the others take over its share immediately.
func (f *Fleet) withdraw(ctx context.Context, kv jetstream.KeyValue) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	_ = kv.Delete(ctx, f.c.Self().ID) // on an error, the entry expires
}

// noted updates the view from an entry of another process. It calls Changed if the view changed and notify is set.
func (f *Fleet) noted(entry jetstream.KeyValueEntry, notify bool) {
	key := entry.Key()
	var p Process
	gone := entry.Operation() != jetstream.KeyValuePut || json.Unmarshal(entry.Value(), &p) != nil || p.ID != key
	f.mu.Lock()
	before, known := f.others[key]
	if gone {
		delete(f.others, key)
	} else {
		f.others[key] = member{p, time.Now()}
	}
	f.mu.Unlock()
	changed := known == gone || known && (before.Slots != p.Slots || !slices.Equal(before.Providers, p.Providers))
	if changed && known == gone {
		if gone {
			p = before.Process
		}
		f.log(gone, p)
	}
	if changed && notify {
		f.c.Changed()
	}
}

func (f *Fleet) log(gone bool, p Process) {
	about := []any{"process", p.ID, "host", p.Host, "role", p.Role, "version", p.Version}
	if gone {
		f.c.Log.Info("process left the fleet", about...)
	} else {
		f.c.Log.Info("process joined the fleet", about...)
	}
}

// renewAll restarts the expiry of all known processes, which could not write their entries during a NATS outage.
func (f *Fleet) renewAll() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for id, m := range f.others {
		m.seen = time.Now()
		f.others[id] = m
	}
}

// expire removes the processes whose entries were not renewed in time.
func (f *Fleet) expire() {
	f.mu.Lock()
	var gone []Process
	for id, m := range f.others {
		if time.Since(m.seen) > f.life() {
			gone = append(gone, m.Process)
			delete(f.others, id)
		}
	}
	f.mu.Unlock()
	for _, p := range gone {
		f.log(true, p)
	}
}

// Processes lists all processes, this one included, the longest running first.
func (f *Fleet) Processes() []Process {
	f.mu.Lock()
	list := make([]Process, 0, len(f.others)+1)
	for m := range maps.Values(f.others) {
		list = append(list, m.Process)
	}
	f.mu.Unlock()
	list = append(list, f.c.Self())
	slices.SortFunc(list, func(a, b Process) int { return cmp.Or(a.Since.Compare(b.Since), cmp.Compare(a.ID, b.ID)) })
	return list
}

// Others returns the number of slots of other processes that make attempts at jobs of a provider. It counts only
// processes with this version of the encoding.
func (f *Fleet) Others(provider string, encoding int) (slots int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, m := range f.others {
		if m.fetches(provider) && m.Wire == encoding {
			slots += m.Slots
		}
	}
	return slots
}

// Sharing returns the number of processes that share a provider's rate limit, at least 1.
func (f *Fleet) Sharing(provider string) int {
	n := 0
	self := f.c.Self()
	if self.fetches(provider) {
		n++
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, m := range f.others {
		if m.fetches(provider) {
			n++
		}
	}
	return max(1, n)
}
