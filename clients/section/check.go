package section

import (
	"errors"
	"fmt"
	"net/url"
	"time"

	"orderbeat/auth"
)

// Errors collects the mistakes of a provider's section, so that all of them are reported at once. The
// zero value is empty.
type Errors struct{ errs []error }

// Add adds a [*ConfigError].
func (m *Errors) Add(key, format string, args ...any) {
	m.errs = append(m.errs, &ConfigError{Key: key, Message: fmt.Sprintf(format, args...)})
}

// AddAt is Add for a position in the text of the key, see [ConfigError.Offset].
func (m *Errors) AddAt(key string, offset int, format string, args ...any) {
	m.errs = append(m.errs, &ConfigError{Key: key, Offset: offset, Message: fmt.Sprintf(format, args...)})
}

// Join adds the result of a check; nil adds nothing.
func (m *Errors) Join(err error) {
	if err != nil {
		m.errs = append(m.errs, err)
	}
}

// Err joins all errors; nil if there are none.
func (m *Errors) Err() error { return errors.Join(m.errs...) }

// Check reports every mistake in the shared keys, as joined [*ConfigError] values. An empty BaseURL was
// reported by [Section.Place]; TokenURL may be empty, for a provider without tokens. Package config
// checks the names and zones of accounts.
func (c *Config) Check() error {
	var m Errors
	if c.BaseURL != "" {
		m.Join(c.CheckURL("base_url", c.BaseURL))
	}
	if c.TokenURL != "" {
		m.Join(c.CheckURL("token_url", c.TokenURL))
	}
	positive := func(key string, ok bool) {
		if !ok {
			m.Add(key, "must be more than 0")
		}
	}
	positive("concurrency", c.Concurrency > 0)
	positive("rate", c.Rate.Calls > 0 && c.Rate.Per > 0)
	positive("token_rate", c.TokenRate.Calls > 0 && c.TokenRate.Per > 0)
	positive("retry.attempts", c.Retry.Attempts > 0)
	positive("retry.for", c.Retry.For > 0)
	positive("timeout", c.Timeout > 0)
	positive("max_body", c.MaxBody > 0)
	if c.MaxConnAge < 0 {
		m.Add("max_conn_age", `must be more than 0, or "0s" for any age`)
	}
	c.TLS.check(&m)
	c.checkProxy(&m)
	if c.FreshFor != 0 && c.FreshFor < time.Minute {
		m.Add("fresh_for", `must be a minute or more, or "0s" for no alert`)
	}
	if len(c.Accounts) == 0 {
		m.Add("accounts", "at least one account is required")
	}
	return m.Err()
}

// CheckURL reports, as a [*ConfigError], why credentials cannot be sent to a URL: it must be
// absolute, https (or http on a loopback address, if allowed), and have no user, query or fragment.
// The text does not contain the URL, which may have a password.
func (c *Config) CheckURL(key, raw string) error {
	wrong := func(message string) error { return &ConfigError{Key: key, Message: message} }
	u, err := url.Parse(raw)
	switch {
	case raw == "":
		return wrong("is missing")
	case err != nil, u.Host == "" || u.Hostname() == "", u.Opaque != "":
		return wrong(`is not an absolute URL like "https://api.example.com"`)
	case u.User != nil, u.Fragment != "":
		return wrong("must not have a user or a fragment")
	case (u.RawQuery != "" || u.ForceQuery) && key != "token_url":
		return wrong("must not have a query")
	case u.Scheme == "https":
		return nil
	case u.Scheme != "http":
		return wrong("must begin with https://")
	case !auth.IsLoopback(u.Hostname()):
		return wrong("must begin with https://: credentials are sent with every call")
	case !c.AllowInsecureHTTP:
		return wrong("must begin with https://, or set allow_insecure_http = true for a loopback address")
	}
	return nil
}

// CheckNextSecret reports a client_secret_next that has no effect. without means that no client secret is sent.
func (c *Config) CheckNextSecret(without bool, wrong *Errors) {
	if without && !c.ClientSecretNext.Empty() {
		wrong.Add("client_secret_next", "has no effect without client_secret, which token requests send")
	}
}
