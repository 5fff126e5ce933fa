package service

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	tokenendpoint "orderbeat/auth/endpoint"

	"orderbeat/clients"
	"orderbeat/worker/api"
)

// Codes of error replies in addition to the constants of [clients.Code].
const (
	codeNotFound clients.Code = "not_found"
	codeBusy     clients.Code = "busy"
	codeTimeout  clients.Code = "timeout"
)

func invalid(message, hint string) *api.Error {
	return &api.Error{Status: 400, Code: clients.CodeInvalid, Message: message, Hint: hint}
}

func notFound(message, hint string) *api.Error {
	return &api.Error{Status: 404, Code: codeNotFound, Message: message, Hint: hint}
}

func busy(atOnce int) *api.Error {
	return &api.Error{
		Status: 429, Code: codeBusy, RetryAfter: "1s",
		Message: fmt.Sprintf("all %d slots of this endpoint are in use", atOnce), Hint: "Retry a little later.",
	}
}

// asAPIError converts an error to an error reply.
func asAPIError(err error) *api.Error {
	if e, ok := errors.AsType[*api.Error](err); ok {
		return e
	}
	if e, ok := errors.AsType[*clients.Error](err); ok {
		// The text of a panic ends with its stack, which belongs to the log and the jobs table.
		message, _, _ := strings.Cut(e.Error(), "\n")
		if e.Op == "plan" {
			message = e.Message
		}
		return providerError(e, message)
	}
	if e, ok := errors.AsType[*tokenendpoint.Error](err); ok {
		return providerError(clients.TokenError(e), err.Error())
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return &api.Error{Status: 504, Code: codeTimeout, Message: "the request timed out"}
	}
	if errors.Is(err, context.Canceled) {
		return &api.Error{Status: 503, Code: clients.CodeUnavailable, Message: "this worker is shutting down", Hint: "Retry."}
	}
	return &api.Error{Status: 500, Code: clients.CodeInternal, Message: internalError, Hint: "The log of the worker has the details."}
}

// internalError is the message of an error whose text is only logged.
const internalError = "internal error"

// providerError converts a provider's failure to an error reply.
func providerError(e *clients.Error, message string) *api.Error {
	reply := &api.Error{Status: statusOf(e.Code), Code: e.Code, Message: message, Hint: e.Hint}
	if e.After > 0 {
		reply.RetryAfter = max(e.After.Round(time.Second), time.Second).String()
	}
	return reply
}

func statusOf(c clients.Code) int {
	switch c {
	case clients.CodeInvalid:
		return 400
	case clients.CodeThrottled:
		return 429
	case clients.CodeInternal:
		return 500
	case clients.CodeConsent, clients.CodeForbidden:
		return 409
	default:
		return 503
	}
}

// oneOf rejects a value that is not allowed; "" is always allowed.
func oneOf[S ~string](what, value string, allowed []S) error {
	if value == "" || slices.Contains(allowed, S(value)) {
		return nil
	}
	return invalid(fmt.Sprintf("unknown %s %.40q", what, value), fmt.Sprintf("allowed: %v", allowed))
}

// timeOf parses an optional time; "" is the zero time.
func timeOf(name, text string) (t time.Time, err error) {
	if text == "" {
		return t, nil
	}
	if t, err = time.Parse(time.RFC3339, text); err != nil {
		return t, invalid(fmt.Sprintf("%s %.40q is not a time", name, text), `Write it like "2026-01-31T06:00:00Z".`)
	}
	return t, nil
}
