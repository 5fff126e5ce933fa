package service

import (
	"context"
	"fmt"
	endpoint0 "orderbeat/auth/endpoint"

	"orderbeat/auth"
	"orderbeat/worker/api"
)

// ask finds the credentials that a request is about; any says that it need not name a provider.
func (s *Service) ask(q api.Credential, any bool) ([]*auth.Source, error) {
	if q.Provider == "" && !any {
		return nil, invalid("give provider", "auth.status has the names")
	}
	if err := s.checkNames(q.Provider, ""); err != nil {
		return nil, err
	}
	found := s.Sources(q.Provider, q.User)
	if len(found) == 0 && q.User != "" {
		return nil, notFound(fmt.Sprintf("no account has user %.80q", q.User), "auth.status has the names")
	}
	if len(found) == 0 && !any {
		return nil, notFound("the provider has no credentials to tell of", "auth.status has those that there are")
	}
	return found, nil
}

// authStatus tells the state of credentials, never a token.
func (s *Service) authStatus(_ context.Context, _ *request, q api.Credential) (any, error) {
	found, err := s.ask(q, true)
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

// authIntrospect has authorization servers tell of the tokens in hand. It changes
// nothing.
func (s *Service) authIntrospect(ctx context.Context, _ *request, q api.Credential) (any, error) {
	found, err := s.ask(q, false)
	if err != nil {
		return nil, err
	}
	list := make([]api.Introspection, len(found))
	for i, c := range found {
		list[i].Credential = api.Credential{Provider: c.Provider(), User: c.User()}
		told, err := introspect(ctx, c)
		if err != nil && len(found) == 1 {
			return nil, err
		}
		if err != nil {
			list[i].Error = asAPIError(err)
			continue
		}
		list[i].Introspection = &told
	}
	return api.Introspections{Introspections: list}, nil
}

// introspect asks about the token in hand, where there is somebody to ask.
func introspect(ctx context.Context, c *auth.Source) (endpoint0.Introspection, error) {
	if !c.CanIntrospect() {
		return endpoint0.Introspection{}, invalid("no introspection URL is known", "set introspection_url, if the provider has such an endpoint")
	}
	return c.Introspect(ctx)
}

// authAuthorize makes a link through which a user grants access, also one who has: whoever
// may ask over NATS may have a grant replaced, and nobody else.
func (s *Service) authAuthorize(_ context.Context, _ *request, q api.Credential) (any, error) {
	if q.Provider == "" || q.User == "" {
		return nil, invalid("give provider and user", "auth.status has the names")
	}
	if _, err := s.ask(q, false); err != nil {
		return nil, err
	}
	if s.ConsentLink == nil {
		return nil, invalid("there is no web listener through which access could be granted", "set web.listen")
	}
	link, until := s.ConsentLink(q.Provider, q.User)
	s.Log.Info("consent link created", "provider", q.Provider, "user", q.User)
	return api.Authorize{Link: link, ExpiresAt: until.UTC()}, nil
}

// authLogout drops the tokens of one credential, here and where it can at the provider.
func (s *Service) authLogout(ctx context.Context, _ *request, q api.Credential) (any, error) {
	found, err := s.ask(q, false)
	if err != nil {
		return nil, err
	}
	if len(found) > 1 {
		return nil, invalid("give user: each of the provider's has tokens of their own", "auth.status has the names")
	}
	revoked, err := found[0].Logout(ctx)
	if err != nil {
		return nil, err
	}
	s.Log.Info("logged out", "provider", found[0].Provider(), "user", found[0].User(), "revoked", revoked)
	return api.LoggedOut{Revoked: revoked, Credentials: statuses(found)}, nil
}

// authUnlatch lets credentials be tried again that were refused.
func (s *Service) authUnlatch(ctx context.Context, _ *request, q api.Credential) (any, error) {
	found, err := s.ask(q, false)
	if err != nil {
		return nil, err
	}
	for _, c := range found {
		if err := c.Unlatch(ctx); err != nil {
			return nil, fmt.Errorf("%s: %w", nameOf(c), err)
		}
		s.Log.Info("unlatched", "provider", c.Provider(), "user", c.User())
	}
	return api.Credentials{Credentials: statuses(found)}, nil
}

// nameOf names a credential to people.
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
	s.Log.Info("tokens resealed with a new key", "resealed", resealed, "unreadable", unreadable)
	return api.Rekeyed{Resealed: resealed, Unreadable: unreadable}, nil
}
