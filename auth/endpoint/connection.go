package endpoint

import (
	"errors"
	"fmt"
	"net"
	"strings"
)

// ConnectionError is why a request has no answer, where that is neither the server's nor the
// network's doing in general: a proxy, or a certificate of ours. It says nothing about the
// credentials. Its text holds no secret and no URL.
type ConnectionError struct {
	// Reason says what happened, Hint what a person can do about it.
	Reason, Hint string
	// Err is the cause; it is no part of the text.
	Err error
}

func (e *ConnectionError) Error() string { return e.Reason }

// Unwrap returns the cause.
func (e *ConnectionError) Unwrap() error { return e.Err }

// ConnectionFailure is the [*ConnectionError] that err is, or is about; nil when it is none.
func ConnectionFailure(err error) *ConnectionError {
	if e, ok := errors.AsType[*ConnectionError](err); ok {
		return e
	}
	op, ok := errors.AsType[*net.OpError](err)
	if !ok || op.Op != "proxyconnect" && !strings.HasPrefix(op.Op, "socks") {
		return nil
	}
	cause := "it cannot be reached"
	if inner, ok := errors.AsType[*net.OpError](op.Err); ok {
		cause = fmt.Sprintf("%s: %v", inner.Op, inner.Err)
	} else if inner, ok := errors.AsType[*net.DNSError](op.Err); ok {
		cause = inner.Error()
	} else if isTimeout(err) {
		cause = "it does not answer in time"
	}
	return &ConnectionError{
		Reason: "the proxy makes no connection: " + cause,
		Hint:   "check HTTPS_PROXY, or the provider's proxy", Err: err,
	}
}
