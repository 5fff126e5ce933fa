package snapshot

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/oklog/ulid/v2"

	"orderbeat/db"
	"orderbeat/worker/bus"
)

const (
	// format is the version of [manifest] and of the parts.
	format = 1
	// newestName is the object with the manifest of the newest snapshot.
	newestName = "newest"
	// maxManifest limits a manifest, in bytes.
	maxManifest = 1 << 20
	// partBytes is the compressed size of a part. The messages of a part are sent together, and the server must acknowledge
	// each of them within the client's timeout of 5 s.
	partBytes = 8 << 20
	// partTimeout limits the time for receiving a part.
	partTimeout = 2 * time.Minute
	// window limits the memory of the decoder, in bytes.
	window = 8 << 20
)

// manifest describes a snapshot. It is written after all parts.
type manifest struct {
	Format     int               `json:"format"`
	ID         string            `json:"id"`
	MadeAt     time.Time         `json:"made_at"`
	Schema     int64             `json:"schema_version"`
	Sequences  map[string]uint64 `json:"sequences"` // last applied sequence of each stream, by topic
	Bytes      int64             `json:"bytes"`     // size of the database
	Compressed int64             `json:"compressed_bytes"`
	Parts      []part            `json:"parts"` // of the compressed database, in order
}

// part is an object with a part of a snapshot.
type part struct {
	Name   string `json:"name"`
	NUID   string `json:"nuid"`
	Digest string `json:"digest"`
	Size   uint64 `json:"size"`
	Chunks uint32 `json:"chunks"`
}

// unusableError means that the newest snapshot cannot be used because it is damaged or not a snapshot.
type unusableError struct{ error }

func (e unusableError) Unwrap() error { return e.error }

func unusable(text string, args ...any) error { return unusableError{fmt.Errorf(text, args...)} }

func isUnusable(err error) bool {
	_, is := errors.AsType[unusableError](err)
	return is
}

// bucket is the object store with the newest snapshot.
type bucket struct {
	js     jetstream.JetStream
	config bus.Config
}

func (b *bucket) wanted() jetstream.ObjectStoreConfig {
	return b.config.ObjectStoreConfig("snapshots", "the newest snapshot of the database, for new followers", 0)
}

func (b *bucket) name() string { return b.wanted().Bucket }

// explain adds the name of the object store to an error.
func (b *bucket) explain(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("object store %s: %w", b.name(), err)
}

// open returns the object store. It creates it if it is missing and create is set.
func (b *bucket) open(ctx context.Context, create bool) (jetstream.ObjectStore, error) {
	return bus.OpenObjectStore(ctx, b.js, b.wanted(), create)
}

// newest returns the manifest of the newest snapshot, nil if there is none.
func (b *bucket) newest(ctx context.Context) (*manifest, error) {
	store, err := b.open(ctx, false)
	if errors.Is(err, jetstream.ErrBucketNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, bus.Timeout)
	defer cancel()
	info, err := store.GetInfo(ctx, newestName)
	if errors.Is(err, jetstream.ErrObjectNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, b.explain(err)
	}
	if info.Size > maxManifest {
		return nil, b.explain(unusable("object %s is not a snapshot: it has %d bytes", newestName, info.Size))
	}
	text, err := store.GetBytes(ctx, newestName)
	if errors.Is(err, jetstream.ErrObjectNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, b.explain(err)
	}
	var m manifest
	if err := json.Unmarshal(text, &m); err != nil {
		return nil, b.explain(unusable("object %s is not a snapshot: %w", newestName, err))
	}
	if m.Format != format || m.ID == "" || m.Bytes <= 0 || len(m.Parts) == 0 {
		return nil, b.explain(unusable("object %s is not a snapshot that this version supports (format %d, want %d)", newestName, m.Format, format))
	}
	return &m, nil
}

// put stores a snapshot. When all parts are stored, it calls confirm, and makes the snapshot the newest if confirm
// returns nil. Then it deletes all other snapshots.
func (b *bucket) put(ctx context.Context, s db.Snapshot, madeAt time.Time, confirm func(ctx context.Context) error) (*manifest, error) {
	store, err := b.open(ctx, true)
	if err != nil {
		return nil, err
	}
	before, err := b.newest(ctx)
	if err != nil && !isUnusable(err) {
		return nil, err
	}
	if err := b.clean(ctx, store, before); err != nil { // frees the space of failed attempts
		return nil, err
	}
	m := &manifest{Format: format, ID: ulid.Make().String(), MadeAt: madeAt.UTC(), Schema: s.Schema, Sequences: s.Sequences, Bytes: s.Bytes}
	if err := b.putParts(ctx, store, m, s.Path); err != nil {
		return nil, err
	}
	text, err := json.Marshal(m)
	if err != nil {
		return nil, err
	}
	if err := confirm(ctx); err != nil {
		return nil, err
	}
	if _, err := b.putObject(ctx, store, newestName, bytes.NewReader(text)); err != nil {
		return nil, err
	}
	return m, b.clean(ctx, store, m)
}

// putParts compresses a file into objects, and adds them to a manifest.
func (b *bucket) putParts(ctx context.Context, store jetstream.ObjectStore, m *manifest, path string) error {
	compressed, done := compress(path)
	defer done()
	for {
		name := fmt.Sprintf("%s.%d", m.ID, len(m.Parts)+1)
		info, err := b.putObject(ctx, store, name, full{io.LimitReader(compressed, partBytes)})
		if err != nil {
			return err
		}
		if info.Size > 0 {
			m.Parts = append(m.Parts, part{Name: name, NUID: info.NUID, Digest: info.Digest, Size: info.Size, Chunks: info.Chunks})
			m.Compressed += int64(info.Size) //nolint:gosec // at most partBytes
		}
		if info.Size < partBytes {
			return nil
		}
	}
}

func (b *bucket) putObject(ctx context.Context, store jetstream.ObjectStore, name string, content io.Reader) (*jetstream.ObjectInfo, error) {
	info, err := bus.PutObject(ctx, b.js, store, name, content)
	return info, b.explain(err)
}

// compress returns the compressed content of a file. The caller must call done.
func compress(path string) (content io.Reader, done func()) {
	r, w := io.Pipe()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		w.CloseWithError(compressTo(w, path))
	}()
	return r, func() {
		r.Close()
		<-ended
	}
}

func compressTo(w io.Writer, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	z, err := zstd.NewWriter(w, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
	if err != nil {
		return err
	}
	if _, err := io.Copy(z, f); err != nil {
		return err
	}
	return z.Close()
}

// full is a reader that fills the whole buffer in each Read, because each Read becomes one message.
type full struct{ io.Reader }

func (f full) Read(p []byte) (int, error) {
	n, err := io.ReadFull(f.Reader, p)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = io.EOF
	}
	return n, err
}

// clean deletes everything that does not belong to newest, which may be nil: older snapshots, and
// the objects of killed processes and failed attempts. The subjects are defined by NATS ADR-20.
func (b *bucket) clean(ctx context.Context, store jetstream.ObjectStore, newest *manifest) error {
	var keep []part
	if newest != nil {
		info, err := store.GetInfo(ctx, newestName)
		if err != nil {
			return b.explain(err)
		}
		keep = append(slices.Clip(newest.Parts), part{Name: newestName, NUID: info.NUID})
	}
	kept := map[string]bool{}
	for _, p := range keep {
		kept[b.chunks(p)], kept["$O."+b.name()+".M."+base64.URLEncoding.EncodeToString([]byte(p.Name))] = true, true
	}
	stream, err := b.js.Stream(ctx, "OBJ_"+b.name()) // each request has the client's timeout
	if err != nil {
		return b.explain(err)
	}
	info, err := stream.Info(ctx, jetstream.WithSubjectFilter("$O."+b.name()+".>"))
	if err != nil {
		return b.explain(err)
	}
	for subject := range info.State.Subjects {
		if !kept[subject] {
			if err := stream.Purge(ctx, jetstream.WithPurgeSubject(subject)); err != nil {
				return b.explain(err)
			}
		}
	}
	return nil
}

// chunks returns the subject of the messages of an object.
func (b *bucket) chunks(p part) string { return "$O." + b.name() + ".C." + p.NUID }

// complete returns an error if messages of a snapshot are missing: reading the object would wait for them forever.
func (b *bucket) complete(ctx context.Context, m *manifest) error {
	ctx, cancel := context.WithTimeout(ctx, bus.Timeout)
	defer cancel()
	stream, err := b.js.Stream(ctx, "OBJ_"+b.name())
	if err != nil {
		return b.explain(err)
	}
	info, err := stream.Info(ctx, jetstream.WithSubjectFilter("$O."+b.name()+".C.>"))
	if err != nil {
		return b.explain(err)
	}
	for _, p := range m.Parts {
		if n := info.State.Subjects[b.chunks(p)]; n != uint64(p.Chunks) {
			return b.explain(unusable("object %s is damaged: it has %d of %d messages", p.Name, n, p.Chunks))
		}
	}
	return nil
}

// reader reads the parts of a snapshot one after another.
type reader struct {
	ctx    context.Context //nolint:containedctx // of one download, as a reader has no parameter for it
	bucket *bucket
	store  jetstream.ObjectStore
	left   []part
	open   jetstream.ObjectResult // nil between two parts
	cancel context.CancelFunc     // of open
	err    error                  // the error of the last Read, nil at the end of the last part
}

// Read implements [io.Reader].
func (r *reader) Read(p []byte) (int, error) {
	if r.open == nil {
		if len(r.left) == 0 {
			return 0, io.EOF
		}
		if r.err = r.next(); r.err != nil {
			return 0, r.err
		}
	}
	n, err := r.open.Read(p) // verifies the digest at the end
	if errors.Is(err, io.EOF) {
		r.close()
		r.left = r.left[1:]
		return n, nil
	}
	if errors.Is(err, jetstream.ErrDigestMismatch) {
		err = unusable("object %s is damaged: %w", r.left[0].Name, err)
	}
	r.err = r.bucket.explain(err)
	return n, r.err
}

// next opens the next part.
func (r *reader) next() error {
	var ctx context.Context
	ctx, r.cancel = context.WithTimeout(r.ctx, partTimeout)
	p := r.left[0]
	tooLong := time.AfterFunc(bus.Timeout, r.cancel)
	object, err := r.store.Get(ctx, p.Name)
	if !tooLong.Stop() && err != nil {
		err = context.DeadlineExceeded
	}
	if errors.Is(err, jetstream.ErrObjectNotFound) {
		return r.bucket.explain(unusable("object %s is missing", p.Name))
	}
	if err != nil {
		return r.bucket.explain(err)
	}
	r.open = object
	if info, err := object.Info(); err != nil || info.Digest != p.Digest || info.Size != p.Size {
		return r.bucket.explain(unusable("object %s was replaced and is not part of this snapshot", p.Name))
	}
	return nil
}

// close stops reading the open part.
func (r *reader) close() {
	if r.open != nil {
		_ = r.open.Close() // only closes a pipe
		r.open = nil
	}
	if r.cancel != nil {
		r.cancel()
	}
}
