package worker_test

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

	"orderbeat/auth"
	"orderbeat/auth/seal"
	"orderbeat/auth/secret"
	"orderbeat/clients"
	"orderbeat/worker"
	"orderbeat/worker/bus"
	"orderbeat/worker/bus/natstest"
	"orderbeat/worker/problems"
	"orderbeat/worker/tokens"
)

// A worker is stopped while a refresh token is on its way: the new one is stored on NATS before the
// connection is closed. Otherwise the user's grant would be lost.
func TestRenewalDuringAShutdownIsStored(t *testing.T) {
	t.Parallel()
	srv := natstest.Start(t, natstest.Options(t))
	asked, release := make(chan struct{}), make(chan struct{})
	endpoint := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		close(asked)
		<-release
		_, _ = io.WriteString(rw, `{"access_token":"new","refresh_token":"newer","token_type":"Bearer","expires_in":3600}`)
	}))
	t.Cleanup(endpoint.Close)
	keys, err := seal.LoadKeyring(filepath.Join(t.TempDir(), "key"), true)
	if err != nil {
		t.Fatal(err)
	}

	var user *auth.Source
	b := outside(t, srv.ClientURL(), func(c *worker.Config) {
		c.NATS = bus.Config{URL: srv.ClientURL(), Prefix: "orderbeat"}
		c.TokenBucket = tokens.New(tokens.Config{NATS: c.NATS, Log: c.Log})
		c.Tokens = seal.New(c.TokenBucket, keys)
		user = source(t, "johndoe", func(a *auth.Config) { a.Store, a.TokenURL = c.Tokens, endpoint.URL })
		c.Providers[0].Provider = &supplier{answer: lists(0), credentials: []*auth.Source{user}}
		c.Providers[0].Name, c.Providers[0].Accounts = "mazda", []clients.Account{{Name: "detroit", User: "johndoe"}}
	})
	log := slog.New(slog.DiscardHandler)
	conn, err := bus.Open(b.config.NATS, nil, problems.NewSet(log), log, func(error) {})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	bucket := tokens.New(tokens.Config{NATS: b.config.NATS, Log: log})
	bucket.Attach(conn, nil)
	store, key, now := seal.New(bucket, keys), user.Status().Key, time.Now()
	l := auth.Lease{Key: key, Owner: "before", At: now, Until: now.Add(time.Minute), Override: true}
	if won, err := store.Lease(t.Context(), l); err != nil || !won {
		t.Fatal(won, err)
	}
	expired := auth.Row{
		Key: key, Provider: "mazda", User: "johndoe", State: auth.StateValid, Generation: 1, Token: secret.New("old"), Refresh: secret.New("older"),
		ObtainedAt: now.Add(-time.Hour), RefreshAt: now.Add(-time.Minute), ExpiresAt: now.Add(-time.Second), ConsentedAt: now.Add(-time.Hour),
	}
	if took, err := store.Commit(t.Context(), l, expired); err != nil || !took {
		t.Fatal(took, err)
	}

	b.page("/readyz?leader", 200, "ok")
	user.RenewIdle()
	<-asked
	stopped := make(chan error, 1)
	go func() { stopped <- b.stop() }()
	select {
	case err := <-stopped:
		t.Errorf("it stopped during the renewal: %v", err)
	case <-time.After(500 * time.Millisecond):
	}
	close(release)
	got, err := store.Load(t.Context(), key)
	for deadline := time.Now().Add(10 * time.Second); err == nil && got.Generation != 2 && time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		got, err = store.Load(t.Context(), key)
	}
	if err != nil || got.Generation != 2 || got.Refresh.Reveal() != "newer" || got.LeaseOwner != "" {
		t.Errorf("got %+v, %v, want the new tokens, and no lease", got, err)
	}
}
