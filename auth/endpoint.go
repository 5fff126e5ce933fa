package auth

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// maxAnswer bounds what is read of a token endpoint's answer, in bytes. Real ones
// have about one KiB; a longer one is cut, and so no JSON.
const maxAnswer = 1 << 20

// endpoint asks one token endpoint for tokens of one client.
type endpoint struct {
	dialect      Dialect
	url          string
	clientID     Secret
	clientSecret Secret
	userAgent    string
	client       *http.Client
}

// newEndpoint follows no redirects: a redirected request would hand the client's
// secret to another address.
func newEndpoint(c Config) *endpoint {
	return &endpoint{
		dialect: c.Dialect, url: c.TokenURL, clientID: c.ClientID, clientSecret: c.ClientSecret, userAgent: c.UserAgent,
		client: &http.Client{
			Transport:     c.Base,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

// ask sends one token request (RFC 6749 section 4.4.2). Every failure is an *[Error].
func (e *endpoint) ask(ctx context.Context) (answer, error) {
	req, err := e.request(ctx)
	if err != nil {
		return answer{}, &Error{Class: ClassRequest, Reason: "the token request cannot be made", Err: err}
	}
	resp, err := e.client.Do(req)
	if err != nil {
		return answer{}, unreachable(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return answer{}, &Error{Class: ClassTransient, Status: resp.StatusCode, Reason: "the token endpoint's answer broke off", Err: err}
	}
	return e.read(resp, body)
}

func (e *endpoint) request(ctx context.Context) (*http.Request, error) {
	form := url.Values{
		"grant_type":    {"client_credentials"},
		"client_id":     {e.clientID.Reveal()},
		"client_secret": {e.clientSecret.Reveal()},
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, e.url, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	if e.userAgent != "" {
		req.Header.Set("User-Agent", e.userAgent)
	}
	return req, nil
}

// unreachable tells of a request without an answer. The cause's own text is left
// out: net/http quotes in it the URL and what a server sent instead of HTTP.
func unreachable(err error) *Error {
	if cause, ok := errors.AsType[*url.Error](err); ok {
		err = cause.Err
	}
	return &Error{Class: ClassTransient, Reason: reason(err), Err: err}
}
