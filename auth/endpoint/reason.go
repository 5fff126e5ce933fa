package endpoint

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"syscall"
)

// reason says in our own words why no answer came.
func reason(err error) string {
	connection := ConnectionFailure(err)
	switch {
	case connection != nil:
		return "the token endpoint cannot be reached: " + connection.Reason
	case errors.Is(err, context.DeadlineExceeded), isTimeout(err):
		return "the token endpoint does not answer in time"
	case errors.Is(err, context.Canceled):
		return "the source was closed"
	case is[*net.DNSError](err):
		return "the token endpoint's name is not found"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "the token endpoint refuses the connection"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "the token endpoint broke the connection"
	case is[*tls.CertificateVerificationError](err), is[x509.UnknownAuthorityError](err), is[x509.HostnameError](err):
		return "the token endpoint's certificate is not valid"
	case is[tls.RecordHeaderError](err), is[tls.AlertError](err):
		return "the token endpoint does not speak TLS with us"
	default:
		return "the token endpoint cannot be asked"
	}
}

// LooksBlocked reports whether a failure is what a blocked address gets to see: no
// answer at all, although the name is known.
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
