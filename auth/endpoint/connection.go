package endpoint

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
)

// ConnectionError reports that a request failed because of our proxy or our certificate. It says
// nothing about the credentials. Its text has no secret and no URL.
type ConnectionError struct {
	// Reason says what happened, Hint what to do.
	Reason, Hint string
	// Err is the cause; it is not part of the text.
	Err error
}

func (e *ConnectionError) Error() string { return e.Reason }

// Unwrap returns the cause.
func (e *ConnectionError) Unwrap() error { return e.Err }

// ConnectionFailure returns the [*ConnectionError] in err's chain, or a new one for a proxy error; nil
// for other errors.
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
		cause = "timed out"
	}
	return &ConnectionError{
		Reason: "the proxy does not connect: " + cause,
		Hint:   "check HTTPS_PROXY, or the provider's proxy", Err: err,
	}
}

func reason(err error) string {
	connection := ConnectionFailure(err)
	switch {
	case connection != nil:
		return "the token endpoint cannot be reached: " + connection.Reason
	case errors.Is(err, context.DeadlineExceeded), isTimeout(err):
		return "the token endpoint timed out"
	case errors.Is(err, context.Canceled):
		return "the source was closed"
	case is[*net.DNSError](err):
		return "the host name of the token endpoint was not found"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "the token endpoint refused the connection"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "the token endpoint closed the connection"
	case is[*tls.CertificateVerificationError](err), is[x509.UnknownAuthorityError](err), is[x509.HostnameError](err):
		return "the token endpoint's certificate is not valid"
	case is[tls.RecordHeaderError](err), is[tls.AlertError](err):
		return "the TLS handshake with the token endpoint failed"
	default:
		return "the token request failed"
	}
}

// LooksBlocked reports whether a failure looks like a blocked address: no response at all, although
// the name resolves.
func LooksBlocked(e *Error) bool {
	return e.Class == ClassTransient && e.Status == 0 &&
		!is[*net.DNSError](e.Err) && ConnectionFailure(e.Err) == nil && !errors.Is(e.Err, context.Canceled)
}

func isTimeout(err error) bool {
	n, ok := errors.AsType[net.Error](err)
	return ok && n.Timeout()
}

func is[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}
