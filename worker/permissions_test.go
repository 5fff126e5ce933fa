package worker_test

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"orderbeat/auth/secret"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"orderbeat/worker"
)

// documented starts a server with the permissions of docs/security.md, for users whose password
// is "right".
func documented(t *testing.T) *server.Server {
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
	path := filepath.Join(t.TempDir(), "nats.conf")
	if err := os.WriteFile(path, config, 0o600); err != nil {
		t.Fatal(err)
	}
	options, err := server.ProcessConfigFile(path)
	if err != nil {
		t.Fatal(err)
	}
	options.Host, options.Port, options.JetStream, options.StoreDir, options.NoLog, options.NoSigs = "127.0.0.1", -1, true, t.TempDir(), true, true
	srv, err := server.NewServer(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { srv.Shutdown(); srv.WaitForShutdown() })
	srv.Start()
	if !srv.ReadyForConnections(20 * time.Second) {
		t.Fatal("NATS does not start")
	}
	return srv
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
		b := outside(t, srv.ClientURL(), func(c *worker.Config) { c.NATS.User, c.NATS.Password = user, secret.New("right") })
		b.page("/readyz?leader", 200, "ok")
		if _, err := js.Publish(t.Context(), "orderbeat.runs.michelin.sync", nil); err != nil {
			t.Errorf("%s: %v", user, err)
		}
		if _, err := results.NextMsg(30 * time.Second); err != nil {
			t.Errorf("%s: no result: %v", user, err)
		}
		if _, err := events.NextMsg(30 * time.Second); err != nil {
			t.Errorf("%s: no event: %v", user, err)
		}
		if msg, err := caller.Request("orderbeat.api.providers.list", []byte("{}"), 30*time.Second); err != nil || msg.Header.Get("Nats-Service-Error") != "" {
			t.Errorf("%s: got %v, %v", user, msg, err)
		}
		if err := b.stop(); err != nil {
			t.Error(err)
		}
		if n := b.logged.count("NATS reports an error"); n != 0 {
			t.Errorf("%s: a permission is missing", user)
		}
	}
}

func TestMissingPermissionIsReported(t *testing.T) {
	t.Parallel()
	srv := documented(t)
	b := outside(t, srv.ClientURL(), func(c *worker.Config) { c.NATS.User, c.NATS.Password = "bound", secret.New("right") })
	b.readyz(503, `permissions violation: Permissions Violation for Publish to "$JS.API.`)
}
