package worker_test

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"orderbeat/auth/secret"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"orderbeat/auth"
	"orderbeat/clients"
	"orderbeat/worker"
	"orderbeat/worker/bus"
	"orderbeat/worker/bus/natstest"
	"orderbeat/worker/problems"
	"orderbeat/worker/tokens"
)

// documented starts a server with the permissions of docs/security.md except some, for users whose
// password is "right".
func documented(t *testing.T, except ...string) *server.Server {
	t.Helper()
	text, err := os.ReadFile("../docs/security.md")
	if err != nil {
		t.Fatal(err)
	}
	accounts := regexp.MustCompile("(?s)```\n(accounts .*?)```").FindSubmatch(text)
	if accounts == nil {
		t.Fatal("the document has no accounts")
	}
	config := regexp.MustCompile(`"\$[A-Z]+"`).ReplaceAll(accounts[1], []byte(`"right"`))
	for _, permission := range except {
		if !bytes.Contains(config, []byte(permission)) {
			t.Fatalf("%s is not documented", permission)
		}
		config = bytes.ReplaceAll(config, []byte(permission), []byte(`"none"`))
	}
	path := filepath.Join(t.TempDir(), "nats.conf")
	if err := os.WriteFile(path, config, 0o600); err != nil {
		t.Fatal(err)
	}
	options, err := server.ProcessConfigFile(path)
	if err != nil {
		t.Fatal(err)
	}
	options.Host, options.Port, options.JetStream, options.StoreDir, options.NoLog, options.NoSigs = "127.0.0.1", natstest.FreePort(t), true, t.TempDir(), true, true
	return natstest.Start(t, options)
}

func as(t *testing.T, srv *server.Server, user string) *nats.Conn {
	t.Helper()
	conn, err := nats.Connect(srv.ClientURL(), nats.UserInfo(user, "right"), nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
		t.Errorf("%s: %v", user, err)
	}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	return conn
}

func TestDocumentedPermissionsAreSufficient(t *testing.T) {
	t.Parallel()
	srv := documented(t)
	reader := as(t, srv, "reader")
	events, err := reader.SubscribeSync("orderbeat.orders.>")
	if err != nil {
		t.Fatal(err)
	}
	results, err := reader.SubscribeSync("orderbeat.results.>")
	if err != nil {
		t.Fatal(err)
	}
	caller := as(t, srv, "caller")
	js, err := jetstream.New(caller)
	if err != nil {
		t.Fatal(err)
	}
	for _, user := range []string{"worker", "bound"} { // the second finds what the first created
		b := outside(t, srv.ClientURL(), func(c *worker.Config) {
			c.NATS.User, c.NATS.Password, c.SnapshotEvery = user, secret.New("right"), time.Hour
			c.TokenBucket = tokens.New(tokens.Config{NATS: c.NATS, Database: c.ID, Local: c.DB, Log: c.Log})
		})
		b.page("/readyz?leader", 200, "ok")
		b.supplier.answers(func(_ context.Context, q clients.Query) (clients.Answer, error) { // its event has a document
			return clients.Answer{Orders: []clients.Order{order(q.Account.Name, "SO1", 0, user+strings.Repeat("x", 1<<20))}}, nil
		})
		if err := renew(t, b.config.TokenBucket); err != nil {
			t.Errorf("%s: %v", user, err)
		}
		if all, err := b.config.TokenBucket.Credentials(t.Context()); len(all) != 1 || err != nil {
			t.Errorf("%s: got %v, %v, want the credential", user, all, err)
		}
		if _, err := js.Publish(t.Context(), "orderbeat.runs.michelin.sync", nil); err != nil {
			t.Errorf("%s: %v", user, err)
		}
		if _, err := results.NextMsg(30 * time.Second); err != nil {
			t.Errorf("%s: no result: %v", user, err)
		}
		if event, err := events.NextMsg(30 * time.Second); err != nil || event.Header.Get("Orderbeat-Document") == "" {
			t.Errorf("%s: no event with a document: %v", user, err)
		}
		if msg, err := caller.Request("orderbeat.api.providers.list", []byte("{}"), 30*time.Second); err != nil || msg.Header.Get("Nats-Service-Error") != "" {
			t.Errorf("%s: got %v, %v", user, msg, err)
		}
		b.eventually("there is a snapshot", func() bool { return b.logged.count("snapshot for new followers made") == 1 })
		if log := restore(t, b.config.NATS, t.TempDir()); !strings.Contains(log, restoredLog) || strings.Contains(log, "NATS reports an error") {
			t.Errorf("%s: got %s, want a database", user, log)
		}
		if err := b.stop(); err != nil {
			t.Error(err)
		}
		if err := dropSnapshot(t, srv); err != nil { // the next one makes one
			t.Error(err)
		}
		if n := b.logged.count("NATS reports an error"); n != 0 {
			t.Errorf("%s: a permission is missing", user)
		}
	}
}

func dropSnapshot(t *testing.T, srv *server.Server) error {
	t.Helper()
	js, err := jetstream.New(as(t, srv, "worker"))
	if err != nil {
		return err
	}
	store, err := js.ObjectStore(t.Context(), "ORDERBEAT_SNAPSHOTS")
	if err != nil {
		return err
	}
	return store.Delete(t.Context(), "newest")
}

func TestMissingPermissionIsReported(t *testing.T) {
	t.Parallel()
	srv := documented(t)
	b := outside(t, srv.ClientURL(), func(c *worker.Config) { c.NATS.User, c.NATS.Password = "bound", secret.New("right") })
	b.readyz(503, `permissions violation: Permissions Violation for Publish to "$JS.API.`)
}

// renew leases and commits a row as a renewal does.
func renew(t *testing.T, s *tokens.Store) error {
	t.Helper()
	row, err := s.Load(t.Context(), "michelin")
	if err != nil {
		return err
	}
	l := auth.Lease{Key: row.Key, Generation: row.Generation, Owner: "me", At: time.Now(), Until: time.Now().Add(time.Minute)}
	if _, err := s.Lease(t.Context(), l); err != nil {
		return err
	}
	row.Generation++
	_, err = s.Commit(t.Context(), l, row)
	return err
}

// The errors of the token store name the permission that is missing.
func TestMissingPermissionForTokensIsNamed(t *testing.T) {
	t.Parallel()
	for except, want := range map[string]string{
		`"$KV.ORDERBEAT_TOKENS.>"`:  `"$KV.ORDERBEAT_TOKENS.michelin"`,
		`"$JS.API.DIRECT.GET.>"`:    `"$JS.API.DIRECT.GET.KV_ORDERBEAT_TOKENS.$KV.ORDERBEAT_TOKENS.michelin"`,
		`"$JS.API.STREAM.INFO.*"`:   `"$JS.API.STREAM.INFO.KV_ORDERBEAT_TOKENS"`,
		`"$JS.API.STREAM.CREATE.*"`: `"$JS.API.STREAM.CREATE.KV_ORDERBEAT_TOKENS"`,
	} {
		t.Run(except, func(t *testing.T) {
			t.Parallel()
			c := bus.Config{URL: documented(t, except).ClientURL(), Prefix: "orderbeat", User: "worker", Password: secret.New("right")}
			log := slog.New(slog.DiscardHandler)
			conn, err := bus.Open(c, nil, problems.NewSet(log), log, func(error) {})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(conn.Close)
			s := tokens.New(tokens.Config{NATS: c, Log: log})
			s.Attach(conn, nil)
			err = renew(t, s)
			if want := "bucket ORDERBEAT_TOKENS: permissions violation: Permissions Violation for Publish to " + want; err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("got %v, want %s", err, want)
			}
		})
	}
}
