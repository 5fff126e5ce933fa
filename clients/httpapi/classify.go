package httpapi

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"orderbeat/auth"
	"orderbeat/auth/endpoint"
	"orderbeat/clients"
)

// hintRefused is the hint for tokens that the API rejects.
const hintRefused = "the token endpoint accepts the credentials, but the API does not: ask the provider whether they are enabled for this API"

// refusal returns the error of a response outside 2xx.
func refusal(resp *http.Response) *clients.Error {
	e := &clients.Error{Code: clients.CodeInvalid, After: endpoint.Wait(resp.StatusCode, resp.Header, clients.MaxRetryAfter)}
	switch status := resp.StatusCode; {
	case status == http.StatusUnauthorized && auth.LacksRights(resp.Header):
		e.Code, e.Message = clients.CodeForbidden, "the token lacks the required rights"
		e.Hint = "check the scope, or ask the provider which rights these credentials have"
	case auth.RefusesToken(status, resp.Header):
		e.Code, e.Message = clients.CodeUnauthorized, "the API rejects the credentials"
		e.Hint = hintRefused
	case status == http.StatusForbidden:
		e.Code, e.Message = clients.CodeForbidden, "the account has no access to the requested data"
		e.Hint = "check the account's numbers, and whether these credentials have access to the account"
	case status == http.StatusTooManyRequests:
		e.Code, e.Message = clients.CodeThrottled, "too many calls"
	case status == http.StatusRequestTimeout, status == http.StatusTooEarly, status >= 500:
		e.Code, e.Message = clients.CodeUnavailable, "the provider is unavailable"
	case status >= 300 && status < 400:
		e.Message, e.Hint = "the API redirects to another URL", "check base_url: redirects are not followed"
	case status == http.StatusNotFound:
		e.Message, e.Hint = "the API does not exist at this URL", "check base_url"
	default:
		e.Message = "the API rejects the request"
		e.Hint = "check the account's numbers and the run's params; if they are correct, contact the provider"
	}
	return e
}

const (
	// longestShort is the longest Retry-After of a 503 worth waiting for during paging, and mostShort
	// the maximum number of waits after a 503 without one.
	longestShort = 30 * time.Second
	mostShort    = 4
)

// retryWait reports whether to wait and send a failed call again, and how long; it failed n times before.
func retryWait(err error, n int) (time.Duration, bool) {
	e, ok := errors.AsType[*clients.Error](err)
	if !ok {
		return 0, false
	}
	wait := e.After
	if wait == 0 {
		wait = min(firstPause<<min(n, 16), maxPause)
	}
	if e.Code == clients.CodeThrottled {
		return wait, true
	}
	short := e.Code == clients.CodeUnavailable && (e.Status == http.StatusServiceUnavailable || e.NotSent)
	return wait, short && e.After <= longestShort && (e.After > 0 || n < mostShort)
}

// refused returns the error of a response that is not accepted.
func (c Call) refused(resp *http.Response) *clients.Error {
	usual := refusal(resp)
	if c.Judge == nil {
		drain(resp.Body)
		return usual
	}
	const most = 64 << 10
	body, _ := io.ReadAll(io.LimitReader(resp.Body, most)) // the beginning of a long body is enough
	e := c.Judge(Response{Status: resp.StatusCode, Header: resp.Header}, body)
	if e == nil {
		return usual
	}
	if e.After == 0 {
		e.After = usual.After
	}
	if e.Hint == "" && e.Code == usual.Code {
		e.Hint = usual.Hint
	}
	return e
}

// classify converts the error of an exchange to a [clients.Error]. No other code does.
func (h *HTTP) classify(err error) *clients.Error {
	if e, ok := errors.AsType[*clients.Error](err); ok {
		return e
	}
	if e, ok := errors.AsType[*endpoint.Error](err); ok {
		return h.tokenFailure(e)
	}
	e := &clients.Error{Code: clients.CodeUnavailable, Message: describe(err), Err: err}
	if c := endpoint.ConnectionFailure(err); c != nil {
		e.Hint = c.Hint
	}
	return e
}

// tokenFailure is [clients.TokenError], with the login command if a user must grant access.
func (h *HTTP) tokenFailure(e *endpoint.Error) *clients.Error {
	f := clients.TokenError(e)
	if f.Code == clients.CodeConsent {
		f.Message, f.Hint = e.Reason, e.Hint+": "+h.login()
	}
	return f
}

func (h *HTTP) login() string {
	return fmt.Sprintf("orderbeat auth login %s --user %s", h.provider, h.source.User())
}

// describe says why there is no complete response. Its text has addresses and system errors only:
// other errors quote URLs and data from the wire.
func describe(err error) string {
	if e := endpoint.ConnectionFailure(err); e != nil {
		return e.Reason
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return "no complete response in time"
	}
	if e, ok := errors.AsType[*net.DNSError](err); ok {
		return e.Error()
	}
	if e, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return e.Error()
	}
	if e, ok := errors.AsType[*net.OpError](err); ok {
		return fmt.Sprintf("%s: %v", e.Op, e.Err)
	}
	if e, ok := errors.AsType[net.Error](err); ok && e.Timeout() {
		return "no complete response in time"
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return "the connection was closed before the response was complete"
	}
	return "the connection failed"
}
