package stricttest_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"orderbeat/auth/endpoint"

	"github.com/go-oauth2/oauth2/v4"
	"github.com/go-oauth2/oauth2/v4/errors"
	"github.com/go-oauth2/oauth2/v4/manage"
	"github.com/go-oauth2/oauth2/v4/models"
	oauth2server "github.com/go-oauth2/oauth2/v4/server"
	"github.com/go-oauth2/oauth2/v4/store"
)

// startGoOAuth2 runs go-oauth2/oauth2: a refresh ends the access token and the refresh
// token before it; it does not notice a second use otherwise. It takes Basic raw only,
// and answers invalid_grant with 401. It has no introspection and no revocation.
func startGoOAuth2(t *testing.T, life time.Duration) server {
	t.Helper()
	m := manage.NewDefaultManager()
	m.SetAuthorizeCodeTokenCfg(&manage.Config{AccessTokenExp: life, RefreshTokenExp: time.Hour, IsGenerateRefresh: true})
	m.SetClientTokenCfg(&manage.Config{AccessTokenExp: life})
	m.SetRefreshTokenCfg(&manage.RefreshingConfig{
		AccessTokenExp: life, RefreshTokenExp: time.Hour,
		IsGenerateRefresh: true, IsResetRefreshTime: true, IsRemoveAccess: true, IsRemoveRefreshing: true,
	})
	m.SetValidateURIHandler(func(_, asked string) error {
		if !slices.Contains([]string{redirectURI, otherURI}, asked) {
			return errors.ErrInvalidRedirectURI
		}
		return nil
	})
	m.MustTokenStorage(store.NewMemoryTokenStore())
	clients := store.NewClientStore()
	if err := clients.Set(clientID, &models.Client{ID: clientID, Secret: clientSecret}); err != nil {
		t.Fatal(err)
	}
	m.MapClientStorage(clients)

	s := httptest.NewServer(goOAuth2Routes(m))
	t.Cleanup(s.Close)
	return server{clientAuth: endpoint.BasicRaw, url: s.URL, authorize: "/authorize", token: "/token"}
}

func goOAuth2Routes(m *manage.Manager) http.Handler {
	srv := oauth2server.NewServer(&oauth2server.Config{
		TokenType:                   "Bearer",
		AllowedResponseTypes:        []oauth2.ResponseType{oauth2.Code},
		AllowedGrantTypes:           []oauth2.GrantType{oauth2.AuthorizationCode, oauth2.Refreshing, oauth2.ClientCredentials},
		AllowedCodeChallengeMethods: []oauth2.CodeChallengeMethod{oauth2.CodeChallengeS256},
		ForcePKCE:                   true,
	}, m)
	srv.SetClientInfoHandler(func(r *http.Request) (id, secret string, err error) {
		id, secret, err = oauth2server.ClientBasicHandler(r)
		if err != nil {
			return "", "", err
		}
		return id, secret, knows(r.Context(), m, id, secret)
	})
	srv.SetUserAuthorizationHandler(func(http.ResponseWriter, *http.Request) (string, error) { return user, nil })
	srv.SetPreRedirectErrorHandler(func(_ http.ResponseWriter, _ *oauth2server.AuthorizeRequest, err error) error {
		return err // it would go to a redirect URI that was not registered, too
	})

	mux := http.NewServeMux()
	mux.HandleFunc("GET /authorize", func(w http.ResponseWriter, r *http.Request) {
		if err := srv.HandleAuthorizeRequest(w, r); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
		}
	})
	mux.HandleFunc("POST /token", func(w http.ResponseWriter, r *http.Request) {
		if err := srv.HandleTokenRequest(w, r); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	})
	mux.HandleFunc("GET /api", func(w http.ResponseWriter, r *http.Request) {
		if _, err := srv.ValidationBearerToken(r); err != nil {
			w.WriteHeader(http.StatusUnauthorized)
		}
	})
	return mux
}

// knows checks a client's secret, which the library itself leaves out at refreshes.
func knows(ctx context.Context, m *manage.Manager, id, secret string) error {
	client, err := m.GetClient(ctx, id)
	if err != nil || client.GetSecret() != secret {
		return errors.ErrInvalidClient
	}
	return nil
}
