package auth

import (
	"context"
	"encoding/base64"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"

	"orderbeat/auth/secret"

	"orderbeat/auth/endpoint"
)

// Static tracks rejections and the cooldown of credentials that are sent with every call instead of
// a token. Its [Source] has a status and can be unlatched like any other, but serves no
// token.
type Static struct {
	*Source
	proven  atomic.Bool   // the API accepted the credentials and has not rejected them since
	refused atomic.Int64  // number of rejections
	trial   chan struct{} // capacity 1: taken by the one call that tries unproven credentials
}

// NewStatic makes a Static. It uses Provider, Environment, Store and Log of the configuration,
// Errors[""] of the dialect as the meaning of a rejection, and ClientID and ClientSecret only to tell
// credentials apart: they are not sent.
func NewStatic(c Config) (*Static, error) {
	c.Dialect = endpoint.Dialect{Name: "static", Static: true, Life: time.Hour, Errors: c.Dialect.Errors}
	source, err := NewSource(c)
	if err != nil {
		return nil, err
	}
	s := &Static{Source: source, trial: make(chan struct{}, 1)}
	s.trial <- struct{}{}
	return s, nil
}

// begin waits until a call may be sent. The caller passes the status of the response to done, 0 for none.
// Unproven credentials are tried by one call at a time.
func (s *Static) begin(ctx context.Context) (done func(status int), err error) {
	if s == nil {
		return func(int) {}, nil
	}
	refused := s.refused.Load()
	if s.proven.Load() {
		return func(status int) { s.noteResponse(status, refused) }, nil //nolint:contextcheck // the outcome is recorded even if the caller leaves
	}
	select {
	case <-s.trial:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	release := func() { s.trial <- struct{}{} }
	if err := s.allowed(ctx); err != nil {
		release()
		return nil, err
	}
	refused = s.refused.Load()
	return func(status int) { //nolint:contextcheck // as above
		s.noteResponse(status, refused)
		release()
	}, nil
}

// allowed returns an error while a cooldown lasts.
func (s *Static) allowed(ctx context.Context) error {
	if s.row.Load() == nil {
		if err := s.Prepare(ctx); err != nil {
			return err
		}
	}
	return s.row.Load().cooldownError(s.config.Dialect, s.id.Credential, time.Now())
}

// noteResponse notes the response to a call that began after refusedBefore rejections.
func (s *Static) noteResponse(status int, refusedBefore int64) {
	switch {
	case status == http.StatusUnauthorized:
		if s.refused.CompareAndSwap(refusedBefore, refusedBefore+1) { // otherwise a concurrent call has already counted this rejection
			s.proven.Store(false)
			s.note(func(row Row) Row {
				return row.failed(&endpoint.Error{Class: endpoint.ClassCredential, Status: status, Reason: "the API rejects the credentials"}, s.id.Credential, time.Now())
			})
		}
	case status != 0 && status < http.StatusInternalServerError && status != http.StatusTooManyRequests && !s.proven.Swap(true):
		if row := s.row.Load(); row.State != StateValid || row.Failures > 0 {
			s.note(func(row Row) Row {
				row.State, row.Credential = StateValid, s.id.Credential
				row.Failures, row.Refusals, row.CooldownUntil = 0, 0, time.Time{}
				return row
			})
		}
	}
}

// note stores a change of the row. If it cannot be stored, it still applies in this process.
func (s *Static) note(change func(Row) Row) {
	_ = s.exclusively(context.Background(), func(ctx context.Context) error {
		lease, row, err := s.forceLease(ctx)
		if err != nil {
			row = change(*s.row.Load())
			s.row.Store(&row)
			return err
		}
		row = change(row)
		s.row.Store(&row)
		return s.commitForced(ctx, lease, row)
	})
}

// Fixed signs requests with constant headers: an API key, HTTP Basic ([Basic]), or several. Nothing
// can be renewed, so a 401 is returned as it came and counts as a failed login: following calls
// respect the cooldown for rejected credentials, and after it a single call tries them again. A call
// that may not be sent returns an *[endpoint.Error]. It is safe for concurrent use.
type Fixed struct {
	// Base sends the signed requests; nil is [http.DefaultTransport].
	Base http.RoundTripper
	// Origin is where signed requests may go, as in [Transport].
	Origin *url.URL
	// Header holds the values by header name, in any case.
	Header map[string]secret.Secret
	// Source remembers rejections, see [NewStatic]; nil remembers none.
	Source *Static
	// RejectsToken has the meaning of [Transport.RejectsToken].
	RejectsToken func(req *http.Request, resp *http.Response) bool
}

// Basic returns the value of the Authorization header for HTTP Basic authentication (RFC 7617).
func Basic(username string, password secret.Secret) secret.Secret {
	return secret.New("Basic " + base64.StdEncoding.EncodeToString([]byte(username+":"+password.Reveal())))
}

// RoundTrip implements [http.RoundTripper].
func (f *Fixed) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := checkOrigin(f.Origin, req.URL); err != nil {
		closeBody(req)
		return nil, err
	}
	done, err := f.Source.begin(req.Context())
	if err != nil {
		closeBody(req)
		return nil, err
	}
	status := 0
	defer func() { done(status) }()
	r := req.Clone(req.Context())
	for name, value := range f.Header {
		r.Header.Set(name, value.Reveal())
	}
	resp, err := base(f.Base).RoundTrip(r)
	if err == nil {
		if status = resp.StatusCode; RefusesToken(status, resp.Header) || f.RejectsToken != nil && f.RejectsToken(req, resp) {
			status = http.StatusUnauthorized
		}
	}
	return resp, err
}
