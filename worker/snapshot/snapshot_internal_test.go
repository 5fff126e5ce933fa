package snapshot // inside: it stores snapshots that no Maker makes

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"orderbeat/db"
	"orderbeat/db/dbtest"
	"orderbeat/worker/bus"
	"orderbeat/worker/bus/natstest"
	"orderbeat/worker/problems"
)

// depot starts a server, and returns its URL and the object store of snapshots.
func depot(t *testing.T) (url string, b *bucket) {
	t.Helper()
	srv := natstest.Start(t, natstest.Options(t))
	conn, err := nats.Connect(srv.ClientURL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	return srv.ClientURL(), &bucket{js, bus.Config{Prefix: "orderbeat"}}
}

// snapshotOf stores a file as the newest snapshot.
func (b *bucket) snapshotOf(t *testing.T, content []byte, change func(*manifest)) *manifest {
	t.Helper()
	s := db.Snapshot{Path: filepath.Join(t.TempDir(), "copy"), Bytes: int64(len(content)), Schema: db.SchemaVersion(), Sequences: map[string]uint64{}}
	if err := os.WriteFile(s.Path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	m, err := b.put(t.Context(), s, time.Now(), func(context.Context) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(m)
		text, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		b.replace(t, newestName, text)
	}
	return m
}

// replace replaces an object.
func (b *bucket) replace(t *testing.T, name string, content []byte) {
	t.Helper()
	store, err := b.open(t.Context(), false)
	if err == nil {
		_, err = store.PutBytes(t.Context(), name, content)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// place is a bucket in a test.
type place struct {
	*bucket
	t *testing.T
}

// What cannot be used is logged, leaves nothing behind, and ends the process only where an empty database
// would be worse.
func TestUnusableSnapshot(t *testing.T) {
	t.Parallel()
	blank, err := dbtest.BlankFile()
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		store func(b place)
		log   string
		fatal string
	}{
		"none":          {func(place) {}, "", ""},
		"whole":         {func(b place) { b.snapshotOf(b.t, blank, nil) }, "database restored from a snapshot", ""},
		"not ours":      {func(b place) { b.snapshotOf(b.t, blank, nil); b.replace(b.t, newestName, []byte("<html>")) }, "object newest is not a snapshot", ""},
		"another kind":  {func(b place) { b.snapshotOf(b.t, blank, func(m *manifest) { m.Format = 2 }) }, "format 2, want 1", ""},
		"newer program": {func(b place) { b.snapshotOf(b.t, blank, func(m *manifest) { m.Schema++ }) }, "", "use the version of the program that leads"},
		"too large":     {func(b place) { b.snapshotOf(b.t, blank, func(m *manifest) { m.Bytes = 1 << 60 }) }, "", "no space left on device"},
		"longer":        {func(b place) { b.snapshotOf(b.t, blank, func(m *manifest) { m.Bytes-- }) }, "it has more or less than", ""},
		"shorter":       {func(b place) { b.snapshotOf(b.t, blank, func(m *manifest) { m.Bytes++ }) }, "it has more or less than", ""},
		"another file":  {func(b place) { b.snapshotOf(b.t, bytes.Repeat([]byte("MySQL"), 10_000), nil) }, "not an SQLite database", ""},
		"cut": {func(b place) {
			m := b.snapshotOf(b.t, blank, nil)
			stream, err := b.js.Stream(b.t.Context(), "OBJ_ORDERBEAT_SNAPSHOTS")
			if err == nil {
				err = stream.Purge(b.t.Context(), jetstream.WithPurgeSubject(b.chunks(m.Parts[0])))
			}
			if err != nil {
				b.t.Fatal(err)
			}
		}, "messages", ""},
		"part of another": {func(b place) {
			b.replace(b.t, b.snapshotOf(b.t, blank, nil).Parts[0].Name, []byte("another"))
		}, "is damaged: it has 0 of", ""},
		"part that is gone": {func(b place) {
			b.snapshotOf(b.t, blank, func(m *manifest) { m.Parts[0].Name = "gone" })
		}, "object gone is missing", ""},
		"not compressed": {func(b place) {
			store, err := b.open(b.t.Context(), true)
			if err != nil {
				b.t.Fatal(err)
			}
			b.snapshotOf(b.t, blank, func(m *manifest) {
				info, err := store.PutBytes(b.t.Context(), "plain", blank)
				if err != nil {
					b.t.Fatal(err)
				}
				m.Parts = []part{{Name: "plain", NUID: info.NUID, Digest: info.Digest, Size: info.Size, Chunks: info.Chunks}}
			})
		}, "is damaged: invalid input: magic number mismatch", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url, b := depot(t)
			c.store(place{b, t})
			var log bytes.Buffer
			path := filepath.Join(t.TempDir(), "data", "orderbeat.db")
			r := Restorer{NATS: bus.Config{URL: url, Prefix: "orderbeat"}, Path: path, Every: time.Hour, Log: slog.New(slog.NewTextHandler(&log, nil))}
			err := r.Run(t.Context())
			if c.fatal == "" && err != nil || c.fatal != "" && (err == nil || !strings.Contains(err.Error(), c.fatal)) {
				t.Errorf("got %v, want %q", err, c.fatal)
			}
			if !strings.Contains(log.String(), c.log) {
				t.Errorf("got %s, want %q", &log, c.log)
			}
			want := 0
			if name == "whole" {
				want = 1
			}
			if left, _ := filepath.Glob(filepath.Join(filepath.Dir(path), "*")); len(left) != want {
				t.Errorf("got %q, want %d files", left, want)
			}
			if left, _ := filepath.Glob(filepath.Join(filepath.Dir(path), ".*")); len(left) != 0 {
				t.Errorf("got %q, want none", left)
			}
		})
	}
}

// A snapshot of several parts arrives as it was, and a newer one replaces it, with what a killed process left
// in the store.
func TestNewestSnapshotReplacesOthers(t *testing.T) {
	t.Parallel()
	_, b := depot(t)
	random := rand.NewChaCha8([32]byte{})
	content := make([]byte, 2*partBytes+1000)
	if _, err := random.Read(content); err != nil {
		t.Fatal(err)
	}
	b.snapshotOf(t, content[:1000], nil)
	if _, err := b.js.Publish(t.Context(), "$O.ORDERBEAT_SNAPSHOTS.C.killed", nil); err != nil {
		t.Fatal(err)
	}
	m := b.snapshotOf(t, content, nil)
	f, err := os.Create(filepath.Join(t.TempDir(), "read"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	newest, err := b.newest(t.Context())
	if err != nil || newest.ID != m.ID || len(newest.Parts) != 3 {
		t.Fatalf("got %+v and %v, want three parts of %s", newest, err, m.ID)
	}
	if err := b.read(t.Context(), newest, f); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(f.Name()); err != nil || !bytes.Equal(got, content) {
		t.Errorf("got %d bytes and %v, want the content", len(got), err)
	}
	stream, err := b.js.Stream(t.Context(), "OBJ_ORDERBEAT_SNAPSHOTS")
	if err != nil {
		t.Fatal(err)
	}
	info, err := stream.Info(t.Context(), jetstream.WithSubjectFilter(">"))
	if err != nil || len(info.State.Subjects) != 8 {
		t.Errorf("got %v and %v, want the parts and the manifest, with their content", info.State.Subjects, err)
	}
}

// A follower requests another snapshot at the moment at which the one that it cannot use has been stored.
func TestRequestBeforeTheUnusableSnapshotHasEnded(t *testing.T) {
	t.Parallel()
	url, b := depot(t)
	log := slog.New(slog.DiscardHandler)
	conn, err := bus.Open(bus.Config{URL: url, Prefix: "orderbeat"}, nil, problems.NewSet(log), log, func(error) {})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	m := NewMaker(Config{Conn: conn, Every: time.Hour, Log: log})
	m.making = true
	s := m.handle(t.Context(), request{Make: true, Unusable: b.snapshotOf(t, []byte("damaged"), nil).ID})
	m.ended(nil)
	if !s.Making || !m.making || len(m.wanted) == 0 {
		t.Errorf("got %+v, making %t, want another one made", s, m.making)
	}
}
