package declared

import (
	"maps"
	"net/url"
	"slices"
	"strings"

	"orderbeat/auth"
	"orderbeat/clients"
)

// settings are the section's own keys.
type settings struct {
	// Scope is asked for with each token (RFC 6749 section 3.3); "" leaves it out.
	Scope string `toml:"scope"`
	// Ping is the path, below the base URL, of a call that proves a token and touches
	// no data; "" is none.
	Ping string `toml:"ping"`
	// ClientAuth and Encoding choose among the ways that the preset has.
	ClientAuth string `toml:"client_auth"`
	Encoding   string `toml:"encoding"`
	// IntrospectionURL (RFC 7662) and RevocationURL (RFC 7009) are where a token can be
	// examined and ended; "" is nowhere: no provider documents them.
	IntrospectionURL string `toml:"introspection_url"`
	RevocationURL    string `toml:"revocation_url"`
}

// userSettings are those of a section whose tokens belong to users.
type userSettings struct {
	settings
	AuthorizeURL string `toml:"authorize_url"`
	// Issuer is the authorization server's identifier, which a redirect must name where
	// it is set (RFC 9207 section 2.4).
	Issuer string `toml:"issuer"`
	// RedirectURI is where users' browsers come back to, as it is registered with the
	// provider; "" leaves it to the web listener.
	RedirectURI string `toml:"redirect_uri"`
	// PKCE sends a code challenge with each consent (RFC 7636).
	PKCE bool `toml:"pkce"`
}

// configure reads and checks the whole section, and fills in what the environment
// implies. It returns the dialect as the section wants it.
func configure(s *clients.Section, p preset) (userSettings, auth.Dialect, error) {
	known := p.paths(s.Environment)
	set := userSettings{settings: settings{Ping: known.ping}, PKCE: !p.dialect.NoPKCE}
	var wrong clients.Mistakes
	if s.Decode != nil && p.dialect.UserGrants {
		wrong.Join(s.Decode(&set))
	} else if s.Decode != nil {
		wrong.Join(s.Decode(&set.settings))
	}
	if s.Place(p.environments, &wrong) {
		wrong.Join(s.Check())
	} else {
		wrong.Join(s.CheckRest())
	}
	set.checkURLs(s, p, known, &wrong)
	for key, secret := range map[string]auth.Secret{"client_id": s.ClientID, "client_secret": s.ClientSecret} {
		if secret.Empty() {
			wrong.Add(key, "is missing")
		}
	}
	p.checkAccounts(s.Accounts, &wrong)
	dialect := set.choose(p, &wrong)
	if s.TokenURL == "" { // only now: it is no mistake of its own when base_url is wrong
		s.TokenURL = s.BaseURL + known.token
	}
	if set.AuthorizeURL == "" && p.dialect.UserGrants {
		set.AuthorizeURL = s.BaseURL + known.authorize
	}
	return set, dialect, wrong.Err()
}

// paths are those of an environment. An unknown one is taken for the sandbox, as
// [clients.Section.Place] does.
func (p preset) paths(environment string) paths {
	if environment == "test" || environment == "production" {
		return p.documented
	}
	return p.standIn
}

// checkURLs checks what is particular to a declared provider: base_url and token_url
// have been checked for themselves.
func (set userSettings) checkURLs(s *clients.Section, p preset, known paths, wrong *clients.Mistakes) {
	if s.TokenURL == "" && known.token == "" {
		wrong.Add("token_url", "is missing: the provider's documents tell none; it comes with the API that you want to ask")
	}
	for _, e := range []struct{ key, url string }{
		{"authorize_url", set.AuthorizeURL},
		{"introspection_url", set.IntrospectionURL},
		{"revocation_url", set.RevocationURL},
		{"issuer", set.Issuer},
	} {
		if e.url != "" {
			wrong.Join(s.CheckURL(e.key, e.url))
			wrong.Join(s.CheckEnvironment(p.environments, e.key, e.url))
		}
	}
	if set.RedirectURI != "" && !isRedirect(set.RedirectURI) {
		wrong.Add("redirect_uri", "must be an absolute https:// URL, or http:// on a loopback address, without a fragment")
	}
	if set.Ping != "" && !isPath(set.Ping) {
		wrong.Add("ping", `must be a path below base_url, like "/ping"`)
	}
	wrong.Join(s.CheckEnvironment(p.environments, "base_url", s.BaseURL))
	wrong.Join(s.CheckEnvironment(p.environments, "token_url", s.TokenURL))
}

// isRedirect reports whether an authorization server can send a browser there with a
// code (RFC 6749 section 3.1.2; RFC 9700 section 2.6 for plain http).
func isRedirect(raw string) bool {
	u, err := url.Parse(raw)
	return err == nil && u.Host != "" && u.User == nil && !strings.Contains(raw, "#") &&
		(u.Scheme == "https" || u.Scheme == "http" && auth.IsLoopback(u.Hostname()))
}

func isPath(s string) bool {
	u, err := url.Parse(s)
	return err == nil && strings.HasPrefix(s, "/") && u.Host == "" && u.Fragment == ""
}

// choose is the preset's dialect with the ways that the section chooses.
func (set userSettings) choose(p preset, wrong *clients.Mistakes) auth.Dialect {
	d := p.dialect
	if way, ok := choice(wrong, "client_auth", set.ClientAuth, p.clientAuth); ok {
		d.ClientAuth = way
	}
	if way, ok := choice(wrong, "encoding", set.Encoding, p.encoding); ok {
		d.Encoding, d.GrantInQuery = way.encoding, way.grantInQuery
	}
	d.NoPKCE = !set.PKCE
	return d
}

// choice is the way that a key names, false where it names none.
func choice[V any](wrong *clients.Mistakes, key, named string, ways map[string]V) (V, bool) {
	way, ok := ways[named]
	switch {
	case ok || named == "":
	case len(ways) == 0:
		wrong.Add(key, "has no effect: this kind of provider documents one way only")
	default:
		wrong.Add(key, "must be one of %s, not %.40q", strings.Join(slices.Sorted(maps.Keys(ways)), ", "), named)
	}
	return way, ok
}
