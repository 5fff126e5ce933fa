package section

import (
	"regexp"
	"strings"

	"orderbeat/auth/secret"

	"orderbeat/auth"
)

// TokenKeys are the keys of a section for non-standard token endpoints.
type TokenKeys struct {
	// TokenParams and TokenHeaders are added to token requests; their values may be
	// references to secrets.
	TokenParams  map[string]any `toml:"token_params" value:"secrets"`
	TokenHeaders map[string]any `toml:"token_headers" value:"secrets"`
	// TokenField is the path of the token in a response, such as "data.access_token".
	TokenField string `toml:"token_field"`
	// TokenType is a further token_type that means bearer.
	TokenType string `toml:"token_type"`
}

// Apply copies the keys into a source's configuration.
func (k *TokenKeys) Apply(c *auth.Config, wrong *Errors) {
	c.TokenParams = Secrets("token_params", k.TokenParams, wrong)
	c.TokenHeaders = Secrets("token_headers", k.TokenHeaders, wrong)
	if k.TokenField != "" {
		c.Dialect.TokenField = k.TokenField
	}
	if k.TokenType != "" {
		c.Dialect.BearerAliases = append(c.Dialect.BearerAliases, strings.ToLower(strings.TrimSpace(k.TokenType)))
	}
	for name := range k.TokenParams {
		if ownParams.MatchString(name) {
			wrong.Add("token_params."+name, "is set by Orderbeat")
		}
	}
	for name := range k.TokenHeaders {
		if !IsHeaderName(name) || ownHeaders.MatchString(name) {
			wrong.Add("token_headers."+name, "is not the name of a header that can be added")
		}
	}
}

// IsHeaderName reports whether a text is a token (RFC 9110 section 5.6.2).
func IsHeaderName(name string) bool { return headerName.MatchString(name) }

var (
	headerName = regexp.MustCompile("^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")
	ownHeaders = regexp.MustCompile(`(?i)^(authorization|content-type|content-length|host|transfer-encoding)$`)
	ownParams  = regexp.MustCompile(`^(grant_type|client_id|client_secret|code|refresh_token|redirect_uri|code_verifier|state|response_type)$`)
)

// Secrets reads a table of texts and secrets.
func Secrets(key string, values map[string]any, wrong *Errors) map[string]secret.Secret {
	all := map[string]secret.Secret{}
	for name, value := range values {
		switch v := value.(type) {
		case secret.Secret:
			all[name] = v
		case string:
			all[name] = secret.New(v)
		default:
			wrong.Add(key+"."+name, "must be a string, or a reference to a secret")
			continue
		}
		if strings.ContainsAny(all[name].Reveal(), "\r\n") {
			wrong.Add(key+"."+name, "must be one line")
		}
	}
	return all
}
