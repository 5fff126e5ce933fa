package tokens_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats-server/v2/server"

	"orderbeat/auth"
	"orderbeat/auth/seal"
	"orderbeat/auth/secret"
	"orderbeat/auth/storetest"
	"orderbeat/worker/bus"
	"orderbeat/worker/bus/natstest"
	"orderbeat/worker/problems"
	"orderbeat/worker/tokens"
)

func connect(t *testing.T, c bus.Config) *bus.Conn {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	conn, err := bus.Open(c, nil, problems.NewSet(log), log, func(error) {})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	return conn
}

// prefixes are numbered, so that each store has a bucket of its own.
var prefixes atomic.Int64

func config(url string) tokens.Config {
	prefix := fmt.Sprintf("orderbeat%d", prefixes.Add(1))
	return tokens.Config{NATS: bus.Config{URL: url, Prefix: prefix}, Log: slog.New(slog.DiscardHandler)}
}

// open returns a store on a connection of its own.
func open(t *testing.T, c tokens.Config) *tokens.Store {
	t.Helper()
	s := tokens.New(c)
	s.Attach(connect(t, c.NATS), nil)
	return s
}

func TestBucketImplementsTheStoreContract(t *testing.T) {
	t.Parallel()
	url := natstest.Start(t, natstest.Options(t)).ClientURL()
	storetest.RunBelowSeal(t, func(t *testing.T) auth.Store { t.Helper(); return open(t, config(url)) })
}

// turns are two processes' stores, each used for every other call.
type turns struct {
	stores [2]auth.Store
	n      atomic.Int64
}

func (s *turns) next() auth.Store { return s.stores[s.n.Add(1)%2] }

func (s *turns) Load(ctx context.Context, key string) (auth.Row, error) {
	return s.next().Load(ctx, key)
}

func (s *turns) Lease(ctx context.Context, l auth.Lease) (bool, error) {
	return s.next().Lease(ctx, l)
}

func (s *turns) Commit(ctx context.Context, l auth.Lease, row auth.Row) (bool, error) {
	return s.next().Commit(ctx, l, row)
}

func TestTwoConnectionsImplementTheStoreContract(t *testing.T) {
	t.Parallel()
	url := natstest.Start(t, natstest.Options(t)).ClientURL()
	storetest.RunBelowSeal(t, func(t *testing.T) auth.Store {
		t.Helper()
		c := config(url)
		return &turns{stores: [2]auth.Store{open(t, c), open(t, c)}}
	})
}

func TestSealedBucketImplementsTheStoreContract(t *testing.T) {
	t.Parallel()
	url := natstest.Start(t, natstest.Options(t)).ClientURL()
	storetest.Run(t, func(t *testing.T) auth.Store {
		t.Helper()
		return seal.New(open(t, config(url)), keyring(t, filepath.Join(t.TempDir(), "key")))
	})
}

func keyring(t *testing.T, path string) *seal.Keyring {
	t.Helper()
	keys, err := seal.LoadKeyring(path, true)
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

var now = time.Date(2026, 11, 20, 6, 0, 0, 0, time.UTC)

func lease(key string, generation int64) auth.Lease {
	return auth.Lease{Key: key, Provider: "mazda", User: "john@doe.example", Generation: generation, Owner: "me", At: now, Until: now.Add(time.Minute), Override: true}
}

// put stores a row.
func put(t *testing.T, s auth.Store, row auth.Row) {
	t.Helper()
	old, err := s.Load(t.Context(), row.Key)
	if err != nil {
		t.Fatal(err)
	}
	l := lease(row.Key, old.Generation)
	if won, err := s.Lease(t.Context(), l); !won || err != nil {
		t.Fatalf("lease: got %v, %v", won, err)
	}
	if took, err := s.Commit(t.Context(), l, row); !took || err != nil {
		t.Fatalf("commit: got %v, %v", took, err)
	}
}

func load(t *testing.T, s auth.Store, key string) auth.Row {
	t.Helper()
	row, err := s.Load(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	return row
}

func row(key string, generation int64, sealed string) auth.Row {
	return auth.Row{Key: key, Provider: "mazda", User: "john@doe.example", State: auth.StateValid, Generation: generation, Token: secret.New(sealed), ObtainedAt: now}
}

// Keys of credentials have bytes that keys of buckets cannot have.
func TestAnyCredentialHasAKey(t *testing.T) {
	t.Parallel()
	s := open(t, config(natstest.Start(t, natstest.Options(t)).ClientURL()))
	keys := []string{"mazda/test/code/0f/john%40doe.example", ".a..b.", "ä>*\x00 =3D", "=", "a=2Eb", "a.b"}
	for i, key := range keys {
		put(t, s, row(key, int64(i+1), key))
	}
	for i, key := range keys {
		if got := load(t, s, key); got.Generation != int64(i+1) || got.Token.Reveal() != key {
			t.Errorf("%q: got %+v", key, got)
		}
	}
	all, err := s.Credentials(t.Context())
	if err != nil || len(all) != len(keys) {
		t.Errorf("got %d credentials, %v, want %d", len(all), err, len(keys))
	}
	for _, r := range all {
		if !r.Token.Empty() || r.Credential != "" {
			t.Errorf("%q: a list for display has its token", r.Key)
		}
	}
}

func TestCredentialsOfNoBucket(t *testing.T) {
	t.Parallel()
	c := config(natstest.Start(t, natstest.Options(t)).ClientURL())
	if all, err := open(t, c).Credentials(t.Context()); len(all) != 0 || err != nil {
		t.Errorf("got %v, %v, want none", all, err)
	}
	if _, err := connect(t, c.NATS).JS.KeyValue(t.Context(), open(t, c).Bucket()); err == nil {
		t.Error("showing credentials created the bucket")
	}
}

// local is a database with rows from before.
type local struct {
	rows   []auth.Row
	broken error // what deleting returns
}

func (l *local) TokenRows(context.Context) ([]auth.Row, error) { return l.rows, nil }

func (l *local) DeleteToken(_ context.Context, key string, generation int64) error {
	if l.broken != nil {
		return l.broken
	}
	rest := []auth.Row{}
	for _, r := range l.rows {
		if r.Key != key || r.Generation != generation {
			rest = append(rest, r)
		}
	}
	l.rows = rest
	return nil
}

func TestRowsAreMovedFromTheDatabase(t *testing.T) {
	t.Parallel()
	c := config(natstest.Start(t, natstest.Options(t)).ClientURL())
	before := open(t, c)
	put(t, before, row("newer in the bucket", 7, "bucket"))
	put(t, before, row("same", 3, "bucket"))
	put(t, before, row("older in the bucket", 1, "bucket"))

	held := row("only here", 2, "database")
	held.LeaseOwner, held.LeaseUntil, held.IntentAt = "a process that ended", now.Add(time.Hour), now
	refused := auth.Row{Key: "refused", State: auth.StateRejected, Credential: "c", Refusals: 3}
	from := &local{rows: []auth.Row{held, refused, row("newer in the bucket", 2, "database"), row("same", 3, "database"), row("older in the bucket", 2, "database")}}
	c.Local = from

	// A process that ends between copying and deleting has changed nothing that the next one minds.
	from.broken = context.DeadlineExceeded
	if _, err := open(t, c).Load(t.Context(), "only here"); err == nil || !strings.Contains(err.Error(), "moving credential only here from the database") {
		t.Errorf("got %v, want the failed move", err)
	}
	if len(from.rows) != 5 {
		t.Errorf("got %d rows in the database, want all: the first could not be deleted", len(from.rows))
	}
	from.broken = nil
	s := open(t, c)
	s.Run(t.Context())
	if len(from.rows) != 0 {
		t.Errorf("got %+v, want no row left in the database", from.rows)
	}
	held.LeaseOwner, held.LeaseUntil = "", time.Time{}
	want := map[string]auth.Row{
		"only here": held, "refused": refused,
		"newer in the bucket": row("newer in the bucket", 7, "bucket"), "same": row("same", 3, "bucket"), "older in the bucket": row("older in the bucket", 2, "database"),
	}
	for key, row := range want {
		if diff := cmp.Diff(row, load(t, before, key)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", key, diff)
		}
	}
}

// A process that ended during a renewal leaves a lease, which ends when the same database is used again.
func TestLeasesOfAnEndedProcessEnd(t *testing.T) {
	t.Parallel()
	c := config(natstest.Start(t, natstest.Options(t)).ClientURL())
	for name, database := range map[string]string{"own": "here", "another's": "elsewhere", "command's": ""} {
		c.Database = database
		l := lease(name, 0)
		if won, err := open(t, c).Lease(t.Context(), l); !won || err != nil {
			t.Fatal(won, err)
		}
	}
	c.Database = "here"
	again := open(t, c)
	if got := load(t, again, "own"); got.LeaseOwner != "" || !got.LeaseUntil.IsZero() || !got.IntentAt.Equal(now) {
		t.Errorf("own: got %+v, want no lease, and the intent", got)
	}
	for _, name := range []string{"another's", "command's"} {
		if got := load(t, again, name); got.LeaseOwner != "me" {
			t.Errorf("%s: got %+v, want its lease", name, got)
		}
	}
	// Its own leases last when the bucket is looked up again.
	if won, err := again.Lease(t.Context(), lease("own", 0)); !won || err != nil {
		t.Fatal(won, err)
	}
	if got := load(t, open(t, tokens.Config{NATS: c.NATS, Log: c.Log}), "own"); got.LeaseOwner != "me" {
		t.Errorf("got %+v, want the lease", got)
	}
}

func TestResealingChangesEveryRow(t *testing.T) {
	t.Parallel()
	c := config(natstest.Start(t, natstest.Options(t)).ClientURL())
	path := filepath.Join(t.TempDir(), "key")
	s := seal.New(open(t, c), keyring(t, path))
	for i := range 20 {
		r := row(fmt.Sprintf("k%d", i), 1, "access")
		r.Refresh = secret.New("refresh")
		put(t, s, r)
	}
	before := load(t, open(t, c), "k7").Token
	if resealed, unreadable, err := s.Rekey(t.Context()); resealed != 20 || unreadable != 0 || err != nil {
		t.Errorf("got %d, %d, %v, want 20 rows with the new key", resealed, unreadable, err)
	}
	if load(t, open(t, c), "k7").Token == before {
		t.Error("the row has not changed")
	}
	again := seal.New(open(t, c), keyring(t, path))
	if got := load(t, again, "k7"); got.Token.Reveal() != "access" || got.Refresh.Reveal() != "refresh" {
		t.Errorf("got %+v, want it readable with the new key", got)
	}
	if got := load(t, seal.New(open(t, c), keyring(t, filepath.Join(t.TempDir(), "another"))), "k7"); !got.Unreadable {
		t.Errorf("got %+v, want it unreadable with another key", got)
	}
}

func TestUnsealedRefreshTokenIsRejected(t *testing.T) {
	t.Parallel()
	s := open(t, config(natstest.Start(t, natstest.Options(t)).ClientURL()))
	l := lease("k", 0)
	if won, err := s.Lease(t.Context(), l); !won || err != nil {
		t.Fatal(won, err)
	}
	plain := row("k", 1, "sealed")
	plain.Refresh = secret.New("canary")
	if _, err := s.Commit(t.Context(), l, plain); err == nil || strings.Contains(err.Error(), "canary") {
		t.Errorf("got %v, want it rejected without the token in the error", err)
	}
	if err := s.Reseal(t.Context(), func(r auth.Row) auth.Row { r.Refresh = plain.Refresh; return r }); err == nil || strings.Contains(err.Error(), "canary") {
		t.Errorf("got %v, want it rejected without the token in the error", err)
	}
}

func TestForeignValuesAreNamed(t *testing.T) {
	t.Parallel()
	c := config(natstest.Start(t, natstest.Options(t)).ClientURL())
	s := open(t, c)
	put(t, s, row("a.b", 1, "sealed"))
	kv, err := connect(t, c.NATS).JS.KeyValue(t.Context(), s.Bucket())
	if err != nil {
		t.Fatal(err)
	}
	for value, want := range map[string]string{
		"not JSON canary":                       "another program wrote it; delete the key",
		`{}`:                                    "another program wrote it; delete the key",
		`{"format":1}`:                          "another program wrote it; delete the key",
		`{"format":1,"key":"b"}`:                "another program wrote it; delete the key",
		`{"format":2,"key":"canary","state":1}`: "another program wrote it; delete the key",
		`{"format":2,"key":"canary","state":"valid"}`: "format 2 of a newer version of Orderbeat; this one reads format 1: upgrade this process",
	} {
		if _, err := kv.Put(t.Context(), "a=2Eb", []byte(value)); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		_, err := s.Load(t.Context(), "a.b")
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "bucket "+s.Bucket()+": key a=2Eb, revision ") || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: got %v, want %s", value, err, want)
		}
		if took := time.Since(began); took > time.Second {
			t.Errorf("%s: it was read for %v", value, took)
		}
	}
	if err := kv.Delete(t.Context(), "a=2Eb"); err != nil {
		t.Fatal(err)
	}
	put(t, s, row("a.b", 1, "sealed again")) // as the error says
	if got := load(t, s, "a.b"); got.Token.Reveal() != "sealed again" {
		t.Errorf("got %+v", got)
	}
}

// While NATS is away, uses fail in time and say why. Then the store works again.
func TestOutage(t *testing.T) {
	t.Parallel()
	o := natstest.Options(t)
	srv := natstest.Start(t, o)
	c := config(srv.ClientURL())
	s := open(t, c)
	put(t, s, row("k", 1, "sealed"))
	held := lease("k", 1)
	if won, err := s.Lease(t.Context(), held); !won || err != nil {
		t.Fatal(won, err)
	}
	natstest.Stop(srv)

	began := time.Now()
	_, err := s.Load(t.Context(), "k")
	if err == nil || !strings.Contains(err.Error(), "credential k: bucket "+s.Bucket()+": ") || !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("got %v, want what is wrong with the connection", err)
	}
	if took := time.Since(began); took > 6*time.Second {
		t.Errorf("it failed after %v", took)
	}
	began = time.Now()
	for range 100 { // other credentials of the process
		if _, err := s.Lease(t.Context(), held); err == nil {
			t.Error("a lease without NATS")
		}
	}
	if took := time.Since(began); took > time.Second {
		t.Errorf("a hundred others failed after %v, want them to fail at once", took)
	}

	// The outcome of a token request waits until NATS is there.
	committed := make(chan error, 1)
	go func() {
		ok, err := s.Commit(t.Context(), held, row("k", 2, "renewed"))
		if err == nil && !ok {
			err = errors.New("the lease is lost")
		}
		committed <- err
	}()
	time.Sleep(300 * time.Millisecond)
	natstest.Start(t, o)
	if err := <-committed; err != nil {
		t.Error(err)
	}
	if got := load(t, s, "k"); got.Token.Reveal() != "renewed" {
		t.Errorf("got %+v, want the outcome", got)
	}
}

// A bucket that was deleted is created again.
func TestDeletedBucketIsCreatedAgain(t *testing.T) {
	t.Parallel()
	c := config(natstest.Start(t, natstest.Options(t)).ClientURL())
	s := open(t, c)
	for i := range 5 {
		put(t, s, row("k", int64(i+1), "sealed"))
	}
	if err := connect(t, c.NATS).JS.DeleteKeyValue(t.Context(), s.Bucket()); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		old, err := s.Load(t.Context(), "k")
		if err == nil {
			l := lease("k", old.Generation)
			if won, err := s.Lease(t.Context(), l); won && err == nil {
				break
			}
		}
		if time.Now().After(deadline) {
			t.Fatalf("the store does not recover: %v", err)
		}
	}
	if got := load(t, s, "k"); got.Generation != 0 {
		t.Errorf("got %+v, want a new row", got)
	}
}

// Three servers replicate the bucket, and report conflicts in their own way.
func TestReplicatedBucketLosesNoWrite(t *testing.T) {
	t.Parallel()
	c := config(cluster(t))
	c.NATS.Replicas = 3
	stores := []*tokens.Store{open(t, c), open(t, c)}
	put(t, stores[0], row("k", 1, "sealed"))
	const each = 10
	var renewals sync.WaitGroup
	for i := range 4 {
		renewals.Go(func() {
			s := stores[i%2]
			for done := 0; done < each && !t.Failed(); {
				old, err := s.Load(t.Context(), "k")
				if err != nil {
					t.Error(err)
					return
				}
				l := lease("k", old.Generation)
				l.Owner = fmt.Sprint(i)
				won, err := s.Lease(t.Context(), l)
				if err != nil {
					t.Error(err)
				}
				if !won {
					continue
				}
				if took, err := s.Commit(t.Context(), l, row("k", old.Generation+1, "sealed")); !took || err != nil {
					t.Errorf("commit: got %v, %v", took, err)
				}
				done++
			}
		})
	}
	renewals.Wait()
	if got := load(t, stores[0], "k").Generation; got != 1+4*each {
		t.Errorf("got generation %d, want %d", got, 1+4*each)
	}
}

// cluster starts three servers, and returns the URL of one.
func cluster(t *testing.T) string {
	t.Helper()
	var routes []*url.URL
	var members []*server.Options
	for i := range 3 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		port := l.Addr().(*net.TCPAddr).Port
		l.Close()
		o := natstest.Options(t)
		o.ServerName, o.Cluster = fmt.Sprintf("n%d", i), server.ClusterOpts{Name: "c", Host: "127.0.0.1", Port: port}
		routes = append(routes, &url.URL{Scheme: "nats", Host: l.Addr().String()})
		members = append(members, o)
	}
	var servers []*server.Server
	for _, o := range members {
		o.Routes = routes
		srv, err := server.NewServer(o)
		if err != nil {
			t.Fatal(err)
		}
		srv.Start()
		t.Cleanup(func() { srv.Shutdown(); srv.WaitForShutdown() })
		servers = append(servers, srv)
	}
	for deadline := time.Now().Add(60 * time.Second); !slices.ContainsFunc(servers, func(s *server.Server) bool { return s.JetStreamIsLeader() && len(s.JetStreamClusterPeers()) == 3 }); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the cluster has no leader")
		}
	}
	return servers[0].ClientURL()
}
