package michelin

import (
	"net/http"
	"net/url"

	"orderbeat/auth"
	"orderbeat/auth/endpoint"
	"orderbeat/clients/httpapi"
	"orderbeat/clients/section"
)

// signBearer has calls signed with access tokens.
func (c *Client) signBearer(s section.Section, set settings, origin *url.URL) (err error) {
	config := auth.Config{
		Dialect: endpoint.Michelin(), Provider: s.Name, Environment: s.Environment,
		TokenURL: s.TokenURL, IntrospectionURL: set.IntrospectionURL,
		ClientID: s.ClientID, ClientSecret: s.ClientSecret, TTL: set.TokenTTL,
		// Tokens have connections of their own: they must not wait for the calls that wait for them.
		Store: s.Tokens, Limiter: s.TokenRate.Limiter(), Base: httpapi.NewTokenTransport(s.Config),
		Timeout: s.Timeout, UserAgent: s.UserAgent, Mask: s.Mask, Log: s.Log,
	}
	set.Apply(&config, &section.Errors{}) // which were found before
	c.source, err = auth.NewSource(config)
	c.http = httpapi.NewHTTP(s).Keeping(set.Exchanges, set.Redactor()).Bearer(c.source, origin)
	return err
}

// hintBasic is for credentials that are refused in the older scheme.
const hintBasic = "check username, password and apikey: Michelin wants all three"

// signBasic has calls signed in the older scheme: HTTP Basic and the header apikey
// together (Michelin North America Order-to-Cash, OpenAPI 1.0.1: basicAuth and apikey
// are both required). Its source has no tokens: it remembers whether the credentials are
// refused.
func (c *Client) signBasic(s section.Section, set settings, origin *url.URL) error {
	static, err := auth.NewStatic(auth.Config{
		Provider: s.Name, Environment: s.Environment, ClientID: auth.NewSecret(set.Username),
		ClientSecret: auth.NewSecret(set.Password.Reveal() + "\n" + set.APIKey.Reveal()),
		Dialect:      endpoint.Dialect{Errors: map[string]endpoint.Meaning{"": {Class: auth.ClassCredential, Hint: hintBasic}}},
		Store:        s.Tokens, Timeout: s.Timeout, Log: s.Log,
	})
	if err != nil {
		return err
	}
	c.source = static.Source
	s.Mask.AddPair(set.Username, set.Password.Reveal())
	s.Mask.Add(set.APIKey.Reveal())
	header := map[string]auth.Secret{"Authorization": auth.Basic(set.Username, set.Password), "apikey": set.APIKey}
	c.http = httpapi.NewHTTP(s).Keeping(set.Exchanges, set.Redactor()).With(func(base http.RoundTripper) http.RoundTripper {
		return &auth.Fixed{Base: base, Origin: origin, Header: header, Source: static}
	})
	return nil
}
