package credentials // an inside test: it uses a synctest clock

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"orderbeat/auth/secret"

	"orderbeat/auth"
	tokenendpoint "orderbeat/auth/endpoint"
	"orderbeat/clients"
	"orderbeat/worker/settings"
)

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// keeper is a provider that only has credentials.
type keeper struct {
	clients.Provider
	sources []*auth.Source
}

func (k keeper) Credentials() []*auth.Source { return k.sources }

// flaky is a store that cannot be read at first.
type flaky struct {
	auth.Store
	failures atomic.Int64
}

func (s *flaky) Load(ctx context.Context, key string) (auth.Row, error) {
	if s.failures.Add(-1) >= 0 {
		return auth.Row{}, io.ErrUnexpectedEOF
	}
	return s.Store.Load(ctx, key)
}

func TestTokensOfIdleUsersAreRenewed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var renewals atomic.Int64
		store := &flaky{Store: auth.NewMemory()}
		store.failures.Store(1)
		source, err := auth.NewSource(auth.Config{
			Dialect: tokenendpoint.Mazda(), Provider: "mazda", Environment: "test", User: "johndoe", Store: store,
			TokenURL: "https://token.test/token", AuthorizeURL: "https://token.test/authorize",
			ClientID: secret.New("id"), ClientSecret: secret.New("secret"),
			Base: roundTrip(func(*http.Request) (*http.Response, error) {
				renewals.Add(1)
				body := io.NopCloser(strings.NewReader(`{"access_token":"new","refresh_token":"newer","expires_in":3600}`))
				return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: body}, nil
			}),
		})
		if err != nil {
			t.Fatal(err)
		}
		leave(t, store.Store, source)
		all := New(Config{Log: slog.New(slog.DiscardHandler), Providers: []settings.Provider{{
			Provider: keeper{sources: []*auth.Source{source}}, Name: "mazda", Accounts: []clients.Account{{Name: "one", User: "johndoe"}},
		}}})
		all.Prepare(t.Context())
		if all.all[0].known.Load() {
			t.Error("what could not be read is taken for known")
		}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { all.RenewIdle(ctx); close(ended) }()
		time.Sleep(tendEvery + time.Second)
		synctest.Wait()
		if st := source.Status(); renewals.Load() != 1 || st.State != auth.StateValid || st.LifeLeft == 0 {
			t.Errorf("got %d renewals, %+v, want the token renewed without calls", renewals.Load(), st)
		}
		time.Sleep(10 * tendEvery)
		if renewals.Load() != 1 {
			t.Errorf("got %d renewals in ten minutes, want one that lasts", renewals.Load())
		}
		stop()
		<-ended
		source.Close()
	})
}

// leave stores the expired token of an earlier process.
func leave(t *testing.T, store auth.Store, source *auth.Source) {
	t.Helper()
	now := time.Now()
	lease := auth.Lease{Key: source.Status().Key, Provider: "mazda", Environment: "test", User: "johndoe", Owner: "before", At: now, Until: now.Add(time.Minute), Override: true}
	if won, err := store.Lease(t.Context(), lease); err != nil || !won {
		t.Fatalf("lease: %t %v", won, err)
	}
	row := auth.Row{
		Key: lease.Key, Provider: "mazda", Environment: "test", User: "johndoe", State: auth.StateValid, Generation: 1,
		Token: secret.New("old"), Refresh: secret.New("older"), ObtainedAt: now.Add(-2 * time.Hour), RefreshAt: now.Add(-time.Hour), ExpiresAt: now.Add(-time.Minute),
		ConsentedAt: now.Add(-2 * time.Hour),
	}
	if took, err := store.Commit(t.Context(), lease, row); err != nil || !took {
		t.Fatalf("commit: %t %v", took, err)
	}
}
