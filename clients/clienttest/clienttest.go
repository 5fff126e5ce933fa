// Package clienttest tests what all providers must have in common: the code of each failure, one new token
// and one replay after a 401, errors for incomplete responses, and no secrets in errors.
//
// A provider's tests call [Run] with a [Wire].
package clienttest

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"orderbeat/auth/secret"

	"orderbeat/auth"
	"orderbeat/clients"
	"orderbeat/clients/section"
)

// MaxBody is the limit, in bytes, that [Section] sets for a response's body.
const MaxBody = 1 << 20

// Wire describes the requests and responses of one provider.
type Wire struct {
	// TokenPath is the path of token requests; any other path is the API. "" means that calls carry no
	// bearer token, and the cases about tokens are skipped.
	TokenPath string
	// Grant is the body of a token response with the given access token.
	Grant func(accessToken string) string
	// Users says that tokens belong to users. They grant access before each case; Refusal then rejects a
	// refresh token.
	Users bool
	// Refusal is the body of a 400 with which the token endpoint rejects the credentials.
	Refusal string
	// Query is a valid query of the provider.
	Query clients.Query
	// Check calls [clients.Checker] with the account of Query instead of sending the query: for a provider
	// whose responses are not documents.
	Check bool
	// Answer is a complete response without orders.
	Answer string
	// Secrets are the configured credentials. They and access tokens must not appear in any error.
	Secrets []string
}

// Section returns a section for a server on a loopback address, as package config passes it to a provider.
// Decode keeps the defaults.
func Section(name, baseURL string) section.Section {
	return section.Section{
		Config: section.Config{
			Name: name, Environment: "sandbox", BaseURL: baseURL, AllowInsecureHTTP: true,
			ClientID: secret.New("sample-client"), ClientSecret: secret.New(ClientSecret),
			Concurrency: 4,
			Rate:        clients.Rate{Calls: 10_000, Per: time.Second},
			TokenRate:   clients.Rate{Calls: 10_000, Per: time.Second},
			Retry:       clients.Retry{Attempts: 8, For: 6 * time.Hour},
			Timeout:     10 * time.Second, MaxBody: MaxBody,
			Accounts: []clients.Account{{Name: "detroit", BillTo: "1111111", ShipTo: "1234567"}},
		},
		Decode:    func(any) error { return nil },
		Tokens:    auth.NewMemory(),
		UserAgent: "orderbeat/test",
		Log:       slog.New(slog.DiscardHandler),
	}
}

// ClientSecret is the client secret of [Section].
const ClientSecret = "canary-client-secret"

// Run tests a provider. open creates one for the server at baseURL, with the limits of [Section]; Run
// calls it for every case.
func Run(t *testing.T, open func(t *testing.T, baseURL string) clients.Provider, w Wire) {
	t.Helper()
	r := runner{open: open, Wire: w}
	t.Run("a status means", r.statuses)
	t.Run("Retry-After is", r.retryAfter)
	t.Run("a redirect is not followed", r.redirect)
	if !w.Check {
		t.Run("an incomplete document is", r.documents)
		t.Run("exchanges are recorded", r.recorded)
	}
	t.Run("a broken connection is unavailable", r.broken)
	t.Run("a caller", r.contexts)
	if w.TokenPath != "" {
		t.Run("a 401 causes one token request and one replay", r.reauthorization)
		t.Run("a repeated 401 is unauthorized after one replay", r.lasting401)
	}
	if w.Users {
		t.Run("consent", r.consent)
	} else if w.TokenPath != "" {
		t.Run("a token endpoint that", r.tokenEndpoint)
	}
}

type runner struct {
	open func(*testing.T, string) clients.Provider
	Wire
}

func (r *runner) ask(ctx context.Context, p clients.Provider) (clients.Answer, error) {
	if !r.Check {
		return p.Orders(ctx, r.Query)
	}
	problems, err := p.(clients.Checker).Check(ctx, r.Query.Account)
	return clients.Answer{Partial: problems}, err
}

func (r *runner) want(t *testing.T, err error, code clients.Code) {
	t.Helper()
	if err == nil {
		t.Fatalf("got no error, want %s", code)
	}
	r.wantDiscreet(t, err)
	e := clients.AsError(err)
	if e.Code != code {
		t.Errorf("got code %s (%v), want %s", e.Code, err, code)
	}
	if e.Provider == "" || e.Op == "" {
		t.Errorf("got provider %q and op %q in %v, want both", e.Provider, e.Op, err)
	}
}

func (r *runner) wantDiscreet(t *testing.T, err error) {
	t.Helper()
	text := err.Error()
	if e := clients.AsError(err); e != nil {
		text += e.Message + e.Hint
	}
	for _, secret := range append(r.Secrets, ClientSecret, tokenCanary, bodyCanary, "?") {
		if strings.Contains(text, secret) {
			t.Errorf("the error contains %q: %s", secret, text)
		}
	}
}
