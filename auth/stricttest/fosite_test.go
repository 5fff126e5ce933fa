package stricttest_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"orderbeat/auth/endpoint"

	"github.com/ory/fosite"
	"github.com/ory/fosite/compose"
	"github.com/ory/fosite/storage"
)

// startFosite runs ory/fosite: a refresh ends the access token before it, and a refresh
// token that is used twice ends the whole grant. It takes Basic form-encoded only.
func startFosite(t *testing.T, life time.Duration) server {
	t.Helper()
	config := &fosite.Config{
		AccessTokenLifespan: life, RefreshTokenLifespan: time.Hour, RefreshTokenScopes: []string{},
		EnforcePKCE: true, GlobalSecret: []byte("a sample secret of thirty-two by"), HashCost: 4,
	}
	secret, err := (&fosite.BCrypt{Config: config}).Hash(t.Context(), []byte(clientSecret))
	if err != nil {
		t.Fatal(err)
	}
	store := storage.NewMemoryStore()
	store.Clients[clientID] = &fosite.DefaultClient{
		ID: clientID, Secret: secret, RedirectURIs: []string{redirectURI, otherURI}, Scopes: []string{scope},
		ResponseTypes: []string{"code"}, GrantTypes: []string{"authorization_code", "refresh_token", "client_credentials"},
	}
	f := fositeServer{compose.Compose(
		config, store, compose.NewOAuth2HMACStrategy(config),
		compose.OAuth2AuthorizeExplicitFactory,
		compose.OAuth2RefreshTokenGrantFactory,
		compose.OAuth2ClientCredentialsGrantFactory,
		compose.OAuth2PKCEFactory,
		compose.OAuth2TokenIntrospectionFactory,
		compose.OAuth2TokenRevocationFactory,
	)}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /authorize", f.authorize)
	mux.HandleFunc("POST /token", f.token)
	mux.HandleFunc("POST /introspect", f.introspect)
	mux.HandleFunc("POST /revoke", f.revoke)
	mux.HandleFunc("GET /api", f.api)
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return server{
		clientAuth: endpoint.BasicForm, family: true,
		url: s.URL, authorize: "/authorize", token: "/token", introspect: "/introspect", revoke: "/revoke",
	}
}

type fositeServer struct{ oauth fosite.OAuth2Provider }

// authorize grants whatever is asked for in johndoe's name.
func (f fositeServer) authorize(w http.ResponseWriter, r *http.Request) {
	asked, err := f.oauth.NewAuthorizeRequest(r.Context(), r)
	if err != nil {
		f.oauth.WriteAuthorizeError(r.Context(), w, asked, err)
		return
	}
	for _, s := range asked.GetRequestedScopes() {
		asked.GrantScope(s)
	}
	answer, err := f.oauth.NewAuthorizeResponse(r.Context(), asked, &fosite.DefaultSession{Subject: user, Username: user})
	if err != nil {
		f.oauth.WriteAuthorizeError(r.Context(), w, asked, err)
		return
	}
	f.oauth.WriteAuthorizeResponse(r.Context(), w, asked, answer)
}

func (f fositeServer) token(w http.ResponseWriter, r *http.Request) {
	asked, err := f.oauth.NewAccessRequest(r.Context(), r, &fosite.DefaultSession{})
	if err != nil {
		f.oauth.WriteAccessError(r.Context(), w, asked, err)
		return
	}
	answer, err := f.oauth.NewAccessResponse(r.Context(), asked)
	if err != nil {
		f.oauth.WriteAccessError(r.Context(), w, asked, err)
		return
	}
	f.oauth.WriteAccessResponse(r.Context(), w, asked, answer)
}

func (f fositeServer) introspect(w http.ResponseWriter, r *http.Request) {
	answer, err := f.oauth.NewIntrospectionRequest(r.Context(), r, &fosite.DefaultSession{})
	if err != nil {
		f.oauth.WriteIntrospectionError(r.Context(), w, err)
		return
	}
	f.oauth.WriteIntrospectionResponse(r.Context(), w, answer)
}

func (f fositeServer) revoke(w http.ResponseWriter, r *http.Request) {
	f.oauth.WriteRevocationResponse(r.Context(), w, f.oauth.NewRevocationRequest(r.Context(), r))
}

func (f fositeServer) api(w http.ResponseWriter, r *http.Request) {
	token := fosite.AccessTokenFromRequest(r)
	if _, _, err := f.oauth.IntrospectToken(r.Context(), token, fosite.AccessToken, &fosite.DefaultSession{}); err != nil {
		w.WriteHeader(http.StatusUnauthorized)
	}
}
