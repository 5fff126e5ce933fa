package declared

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"orderbeat/auth/secret"

	"orderbeat/auth"
	"orderbeat/auth/endpoint"
	"orderbeat/clients"
	"orderbeat/clients/httpapi"
	"orderbeat/clients/section"
)

// The schemes: how calls are signed.
const (
	schemeOAuth2     = "oauth2"      // tokens of the client (RFC 6749 section 4.4)
	schemeOAuth2User = "oauth2_user" // tokens of users (RFC 6749 section 4.1)
	schemeAPIKey     = "api_key"     // a key in a header
	schemeBasic      = "basic"       // HTTP Basic (RFC 7617)
	schemeNone       = "none"
)

var schemes = []string{schemeOAuth2, schemeOAuth2User, schemeAPIKey, schemeBasic, schemeNone}

// The grants of the key grant.
const (
	grantClient = "client_credentials"
	grantJWT    = "jwt_bearer"
)

const dialectMicrobilt = "microbilt"

// dialects are the dialects of token endpoints, by the values of the key dialect.
var dialects = map[string]func() endpoint.Dialect{
	"rfc6749": endpoint.RFC6749, "michelin": endpoint.Michelin, "ptv": endpoint.PTV, "shell": endpoint.Shell,
	dialectMicrobilt: endpoint.Microbilt, "mazda": endpoint.Mazda,
}

// usersOnly are the dialects that issue tokens to users only.
var usersOnly = map[string]bool{"mazda": true}

var (
	clientAuths = map[string]endpoint.ClientAuth{"body": endpoint.InBody, "basic": endpoint.BasicRaw, "basic_form": endpoint.BasicForm, "private_key_jwt": endpoint.PrivateKeyJWT}
	encodings   = map[string]endpoint.Encoding{"form": endpoint.Form, "json": endpoint.JSON, "multipart": endpoint.Multipart}
)

// tokens reports whether calls are signed with access tokens.
func (set *settings) tokens() bool {
	return set.Scheme == schemeOAuth2 || set.Scheme == schemeOAuth2User
}

func (set *settings) users() bool { return set.Scheme == schemeOAuth2User }

// checkScheme checks the keys of the scheme, and those without effect.
func (set *settings) checkScheme(s *section.Section, wrong *section.Errors) {
	need := func(key string, missing bool) {
		if missing {
			wrong.Add(key, "is missing: scheme %q needs it", set.Scheme)
		}
	}
	if !slices.Contains(schemes, set.Scheme) {
		wrong.Add("scheme", "must be one of %s, not %.40q", strings.Join(schemes, ", "), set.Scheme)
		return
	}
	for key, given := range map[string]bool{
		"authorize_url": set.AuthorizeURL != "", "redirect_uri": set.RedirectURI != "", "issuer": set.Issuer != "", "pkce": !set.PKCE,
	} {
		if given && !set.users() {
			wrong.Add(key, "has no effect: with scheme = %q no users grant access", set.Scheme)
		}
	}
	for key, c := range map[string]struct {
		given bool
		by    string
	}{
		"api_key": {!set.APIKey.Empty(), schemeAPIKey}, "username": {set.Username != "", schemeBasic}, "password": {!set.Password.Empty(), schemeBasic},
	} {
		if c.given && set.Scheme != c.by {
			wrong.Add(key, "has no effect with scheme = %q: it goes with %q", set.Scheme, c.by)
		}
	}
	s.CheckNextSecret(!set.tokens() || set.signs() || len(set.TokenCommand) > 0 || s.ClientSecret.Empty(), wrong)
	switch set.Scheme {
	case schemeAPIKey:
		need("api_key", set.APIKey.Empty())
		if !section.IsHeaderName(set.APIKeyHeader) {
			wrong.Add("api_key_header", "%s", noHeaderName)
		}
	case schemeBasic:
		need("username", set.Username == "")
		need("password", set.Password.Empty())
		if strings.Contains(set.Username, ":") {
			wrong.Add("username", "must not contain a colon: HTTP Basic takes what follows for the password (RFC 7617 section 2)")
		}
	case schemeOAuth2, schemeOAuth2User:
		if len(set.TokenCommand) > 0 {
			return
		}
		need("client_id", s.ClientID.Empty())
		need("client_secret", s.ClientSecret.Empty() && !set.signs())
	}
}

// signs reports whether token requests carry assertions.
func (set *settings) signs() bool {
	return set.Grant == grantJWT || set.ClientAuth == string(endpoint.PrivateKeyJWT)
}

// authConfig returns the part of a token source's configuration that only declared providers have.
func (set *settings) authConfig(wrong *section.Errors) auth.Config {
	c := auth.Config{Dialect: set.dialect(wrong)}
	set.Apply(&c, wrong)
	c.AuthorizeParams = section.Secrets("authorize_params", set.AuthorizeParams, wrong)
	c.Dialect.JWTBearer = set.Grant == grantJWT
	c.Dialect.LoginHint, c.Dialect.UserClaim = set.LoginHint, set.UserClaim
	switch {
	case set.Grant != grantClient && set.Grant != grantJWT:
		wrong.Add("grant", `must be "client_credentials" or "jwt_bearer", not %.40q`, set.Grant)
	case set.Grant == grantJWT && set.users():
		wrong.Add("grant", "has no effect with scheme = %q", set.Scheme)
	case len(set.TokenCommand) > 0 && set.users():
		wrong.Add("token_command", "has no effect with scheme = %q: users grant access", set.Scheme)
	case len(set.TokenCommand) > 0 && set.TokenCommand[0] == "":
		wrong.Add("token_command", "must begin with a program")
	}
	if set.UserClaim != "" && !set.users() {
		wrong.Add("user_claim", "has no effect with scheme = %q", set.Scheme)
	}
	if !set.signs() {
		for key, given := range map[string]bool{"signing_key": !set.SigningKey.Empty(), "key_id": set.KeyID != "", "audience": set.Audience != "", "subject": set.Subject != ""} {
			if given {
				wrong.Add(key, `has no effect without grant = "jwt_bearer" or client_auth = "private_key_jwt"; token_params adds request parameters`)
			}
		}
		return c
	}
	if set.SigningKey.Empty() {
		wrong.Add("signing_key", "is missing: it signs assertions")
		return c
	}
	a, err := endpoint.NewAssertion(set.SigningKey)
	if err != nil {
		wrong.Add("signing_key", "%v", err)
		return c
	}
	a.KeyID, a.Audience, a.Subject = set.KeyID, set.Audience, set.Subject
	c.Assertion = a
	return c
}

// dialect is the dialect of the token endpoint, with the declaration's changes.
func (set *settings) dialect(wrong *section.Errors) endpoint.Dialect {
	make, ok := dialects[set.Dialect]
	if !ok {
		wrong.Add("dialect", "must be one of %s, not %.40q", strings.Join(slices.Sorted(maps.Keys(dialects)), ", "), set.Dialect)
		return endpoint.RFC6749()
	}
	d := make()
	if usersOnly[set.Dialect] && set.Scheme == schemeOAuth2 {
		wrong.Add("scheme", `must be "oauth2_user": this provider issues no tokens to clients, only to users`)
	}
	d.UserGrants, d.NoPKCE = set.users(), !set.PKCE
	if way, ok := choice(wrong, "client_auth", set.ClientAuth, clientAuths); ok {
		d.ClientAuth = way
	}
	if way, ok := choice(wrong, "encoding", set.Encoding, encodings); ok {
		d.Encoding = way
	}
	d.GrantInQuery = d.GrantInQuery || set.GrantInQuery && d.Encoding != endpoint.JSON
	if set.TokenTTL < 0 {
		wrong.Add("token_ttl", "must be more than 0")
	}
	return d
}

// choice is the value that a key names, false for none.
func choice[V any](wrong *section.Errors, key, named string, ways map[string]V) (V, bool) {
	way, ok := ways[named]
	if !ok && named != "" {
		wrong.Add(key, "must be one of %s, not %.40q", strings.Join(slices.Sorted(maps.Keys(ways)), ", "), named)
	}
	return way, ok
}

// sign makes the clients that sign calls: one for each user under the user's name, otherwise one
// under "".
func (c *Client) sign(s section.Section) error {
	set := &c.set
	origin, err := url.Parse(s.BaseURL)
	if err != nil {
		return &section.ConfigError{Key: "base_url", Message: "is not a URL"}
	}
	unsigned := httpapi.NewHTTP(s).Keeping(c.set.Exchanges, c.redactor)
	c.http = unsigned
	switch set.Scheme {
	case schemeAPIKey:
		s.Mask.Add(set.APIKey.Reveal())
		key := secret.New(set.APIKeyPrefix + set.APIKey.Reveal())
		return c.signFixed(s, unsigned, origin, set.APIKeyHeader, key, fmt.Sprintf("check api_key, which is sent in the header %s, and api_key_header; then ask the provider whether the key may use this API", set.APIKeyHeader))
	case schemeBasic:
		s.Mask.AddPair(set.Username, set.Password.Reveal())
		return c.signFixed(s, unsigned, origin, "Authorization", auth.Basic(set.Username, set.Password), "check username and password, which are sent in the header Authorization (HTTP Basic)")
	case schemeNone:
		c.byUser[""] = unsigned
		return nil
	}
	return c.signBearer(s, unsigned, origin)
}

func (c *Client) signFixed(s section.Section, unsigned *httpapi.HTTP, origin *url.URL, header string, value secret.Secret, hint string) error {
	signed, source, err := unsigned.Fixed(s, origin, header, map[string]secret.Secret{header: value}, hint)
	if err != nil {
		return &section.ConfigError{Key: "scheme", Message: err.Error()}
	}
	c.credentials, c.byUser[""] = append(c.credentials, source), signed
	return nil
}

func (c *Client) signBearer(s section.Section, unsigned *httpapi.HTTP, origin *url.URL) error {
	set := &c.set
	tokenRate := s.TokenRate.Shared()
	c.rates = append(c.rates, tokenRate)
	tokens := set.tokenConfig
	httpapi.CompleteTokens(&tokens, s, tokenRate)
	tokens.Client, tokens.TTL, tokens.Scope = auth.NewClient(), set.TokenTTL, strings.Join(strings.Fields(set.Scope), " ")
	tokens.AuthorizeURL, tokens.Issuer = set.AuthorizeURL, set.Issuer
	tokens.IntrospectionURL, tokens.RevocationURL = set.IntrospectionURL, set.RevocationURL
	if len(set.TokenCommand) > 0 {
		if tokens.ClientID.Empty() { // distinguishes commands
			tokens.ClientID = secret.New(strings.Join(set.TokenCommand, "\x00"))
		}
		tokens.Granter = endpoint.NewCommand(tokens.Endpoint(), set.TokenCommand)
	}
	accounts := s.Accounts
	if !set.users() {
		accounts = []clients.Account{{}}
	}
	for _, a := range accounts {
		if _, known := c.byUser[a.User]; known {
			continue
		}
		tokens.User = a.User
		source, err := auth.NewSource(tokens)
		if err != nil {
			return &section.ConfigError{Key: "token_url", Message: err.Error()}
		}
		c.credentials = append(c.credentials, source)
		c.byUser[a.User] = unsigned.Bearer(source, origin)
	}
	return nil
}
