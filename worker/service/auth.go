package service

import (
	"context"
	"fmt"

	"orderbeat/auth"
	tokenendpoint "orderbeat/auth/endpoint"
	"orderbeat/worker/api"
)

// sources returns the credentials that a request selects. With optional, the request need not name a
// provider.
func (s *Service) sources(q api.Credential, optional bool) ([]*auth.Source, error) {
	if q.Provider == "" && !optional {
		return nil, invalid("provider is required", "auth.status lists the names.")
	}
	if err := s.checkNames(q.Provider, ""); err != nil {
		return nil, err
	}
	found := s.Sources(q.Provider, q.User)
	if len(found) == 0 && q.User != "" {
		return nil, notFound(fmt.Sprintf("no account has user %.80q", q.User), "auth.status lists the names.")
	}
	if len(found) == 0 && !optional {
		return nil, notFound("the provider has no credentials", "auth.status lists all credentials.")
	}
	return found, nil
}

// authStatus returns the state of credentials, without the tokens.
func (s *Service) authStatus(_ context.Context, _ *request, q api.Credential) (any, error) {
	found, err := s.sources(q, true)
	if err != nil {
		return nil, err
	}
	return api.Credentials{Credentials: statuses(found)}, nil
}

func statuses(all []*auth.Source) []auth.Status {
	list := make([]auth.Status, len(all))
	for i, c := range all {
		list[i] = c.Status()
	}
	return list
}

// authIntrospect sends the current tokens to the introspection endpoints. It changes nothing.
func (s *Service) authIntrospect(ctx context.Context, _ *request, q api.Credential) (any, error) {
	found, err := s.sources(q, false)
	if err != nil {
		return nil, err
	}
	list := make([]api.Introspection, len(found))
	for i, c := range found {
		list[i].Credential = api.Credential{Provider: c.Provider(), User: c.User()}
		result, err := introspect(ctx, c)
		if err != nil && len(found) == 1 {
			return nil, err
		}
		if err != nil {
			list[i].Error = asAPIError(err)
			continue
		}
		list[i].Introspection = &result
	}
	return api.Introspections{Introspections: list}, nil
}

// introspect introspects the current token if the provider has an introspection endpoint.
func introspect(ctx context.Context, c *auth.Source) (tokenendpoint.Introspection, error) {
	if !c.CanIntrospect() {
		return tokenendpoint.Introspection{}, invalid("no introspection URL is configured", "Set introspection_url if the provider has such an endpoint.")
	}
	return c.Introspect(ctx)
}

// authAuthorize creates a link with which a user grants access, even if access was granted
// before: only callers on NATS may replace a grant.
func (s *Service) authAuthorize(ctx context.Context, _ *request, q api.Credential) (any, error) {
	if q.Provider == "" || q.User == "" {
		return nil, invalid("provider and user are required", "auth.status lists the names.")
	}
	if _, err := s.sources(q, false); err != nil {
		return nil, err
	}
	if s.ConsentLink == nil {
		return nil, invalid("granting access requires the web listener", "Set web.listen.")
	}
	link, until := s.ConsentLink(q.Provider, q.User)
	s.Log.InfoContext(ctx, "consent link created", "provider", q.Provider, "user", q.User)
	return api.Authorize{Link: link, ExpiresAt: until.UTC()}, nil
}

// authLogout deletes the tokens of one credential, and revokes them if the provider supports it.
func (s *Service) authLogout(ctx context.Context, _ *request, q api.Credential) (any, error) {
	found, err := s.sources(q, false)
	if err != nil {
		return nil, err
	}
	if len(found) > 1 {
		return nil, invalid("user is required: each user of this provider has separate tokens", "auth.status lists the names.")
	}
	revoked, err := found[0].Logout(ctx)
	if err != nil {
		return nil, err
	}
	s.Log.InfoContext(ctx, "logged out", "provider", found[0].Provider(), "user", found[0].User(), "revoked", revoked)
	return api.LoggedOut{Revoked: revoked, Credentials: statuses(found)}, nil
}

// authUnlatch lets rejected credentials be tried again.
func (s *Service) authUnlatch(ctx context.Context, _ *request, q api.Credential) (any, error) {
	found, err := s.sources(q, false)
	if err != nil {
		return nil, err
	}
	for _, c := range found {
		if err := c.Unlatch(ctx); err != nil {
			return nil, fmt.Errorf("%s: %w", nameOf(c), err)
		}
		s.Log.InfoContext(ctx, "credentials unlatched", "provider", c.Provider(), "user", c.User())
	}
	return api.Credentials{Credentials: statuses(found)}, nil
}

// nameOf returns a credential's name for display.
func nameOf(c *auth.Source) string {
	if c.User() == "" {
		return c.Provider()
	}
	return fmt.Sprintf("%s, user %s", c.Provider(), c.User())
}

// authRekey seals all tokens with a new key.
func (s *Service) authRekey(ctx context.Context, _ *request, _ struct{}) (any, error) {
	resealed, unreadable, err := s.Tokens.Rekey(ctx)
	if err != nil {
		return nil, err
	}
	s.Log.InfoContext(ctx, "tokens resealed with a new key", "resealed", resealed, "unreadable", unreadable)
	return api.Rekeyed{Resealed: resealed, Unreadable: unreadable}, nil
}
