package bus

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"regexp"
	"strings"
	"syscall"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// natsError is a NATS error with an explanation of its cause and remedy. The explanation contains no host and
// no path.
type natsError struct {
	cause string
	err   error
}

func (e *natsError) Error() string { return e.cause + ": " + e.err.Error() }
func (e *natsError) Unwrap() error { return e.err }

// Explain adds to a NATS error what it means for this configuration. Other errors are
// returned unchanged.
func (c Config) Explain(err error) error {
	if _, known := errors.AsType[*natsError](err); err == nil || known {
		return err
	}
	if cause := c.cause(err); cause != "" {
		return &natsError{cause, err}
	}
	return err
}

func (c Config) cause(err error) string {
	for _, of := range []func(error) string{c.loginCause, c.tlsCause, c.networkCause, c.jetStreamCause} {
		if cause := of(err); cause != "" {
			return cause
		}
	}
	return ""
}

func (c Config) loginCause(err error) string {
	refused := errors.Is(err, nats.ErrAuthorization)
	switch {
	case errors.Is(err, nats.ErrAuthExpired), errors.Is(err, nats.ErrAccountAuthExpired):
		return "the server reports that the credentials have expired"
	case errors.Is(err, nats.ErrAuthRevoked):
		return "the server reports that the credentials were revoked"
	case errors.Is(err, nats.ErrNkeysNotSupported):
		return "the server has no user with an nkey: check nats.nkey"
	case !refused:
		return ""
	case c.Creds != "":
		return "the server rejected the credentials of nats.creds"
	case c.NKey != "":
		return "the server rejected the nkey of nats.nkey"
	case !c.Token.Empty():
		return "the server rejected the token of nats.auth"
	case c.User != "" || c.PasswordFile != "":
		return "the server rejected the user and password of nats.auth"
	}
	return "the server requires credentials: set nats.auth, nats.creds or nats.nkey"
}

func (c Config) tlsCause(err error) string {
	text := err.Error()
	_, unknown := errors.AsType[x509.UnknownAuthorityError](err)
	_, name := errors.AsType[x509.HostnameError](err)
	_, invalid := errors.AsType[x509.CertificateInvalidError](err)
	_, record := errors.AsType[tls.RecordHeaderError](err)
	switch {
	case unknown:
		return "the server's certificate is signed by an unknown authority: set nats.tls.ca"
	case name:
		return "the server's certificate is not valid for the host name of nats.url"
	case invalid:
		return "the server's certificate is not valid: it has expired or is for another use"
	case errors.Is(err, nats.ErrSecureConnWanted):
		return "the server offers no TLS, but nats.url or nats.tls requires it"
	case record && c.TLSFirst:
		return "the server does not start with a TLS handshake: unset nats.tls_first"
	case record:
		return "the server does not speak TLS"
	// crypto/tls has no types for these alerts.
	case strings.Contains(text, "tls: certificate required"), strings.Contains(text, "tls: bad certificate") && c.Cert == "":
		return "the server requires a client certificate: set nats.tls.cert and nats.tls.key"
	case strings.Contains(text, "remote error: tls:"):
		return "the server rejected the TLS connection or the client certificate of nats.tls"
	}
	return ""
}

func (c Config) networkCause(err error) string {
	dns, unknown := errors.AsType[*net.DNSError](err)
	_, dialing := errors.AsType[*net.OpError](err)
	switch {
	case unknown && !dns.IsNotFound:
		return "the host name of the server could not be resolved"
	case unknown:
		return "unknown host: check nats.url"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused: no server listens at this address"
	case errors.Is(err, nats.ErrNoInfoReceived):
		return "the server at this address is not a NATS server"
	case errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "the server closed the connection"
	case dialing && isTimeout(err), errors.Is(err, nats.ErrTimeout) && !c.TLSFirst && c.URL != "":
		return "the server does not respond; if it requires the TLS handshake first, set nats.tls_first"
	case errors.Is(err, nats.ErrReconnectBufExceeded), errors.Is(err, nats.ErrDisconnected), errors.Is(err, nats.ErrConnectionReconnecting):
		return "not connected"
	}
	return ""
}

func isTimeout(err error) bool {
	e, ok := errors.AsType[net.Error](err)
	return ok && e.Timeout()
}

func (c Config) jetStreamCause(err error) string {
	switch {
	case errors.Is(err, jetstream.ErrJetStreamNotEnabledForAccount):
		return "JetStream is not enabled for this account"
	case errors.Is(err, jetstream.ErrJetStreamNotEnabled) && c.Domain != "":
		return "JetStream does not respond in the domain of nats.domain"
	case errors.Is(err, jetstream.ErrJetStreamNotEnabled):
		return "JetStream is not enabled on the server"
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, nats.ErrTimeout):
		return "the server does not respond in time"
	}
	if e, ok := errors.AsType[*jetstream.APIError](err); ok {
		return e.Description
	}
	return ""
}

// places matches the parts of an error that name a location: URLs, paths and addresses.
var places = regexp.MustCompile(`[a-z][a-z0-9+.-]*://[^\s"',;]+|[\w.-]+:/[^\s"',;:]*|(?:\[[^\]\s]+\]|[\w.-]*[\w-]):\d{2,5}\b|\b\d{1,3}(?:\.\d{1,3}){3}\b`)

// paths matches absolute paths at the start of a word.
var paths = regexp.MustCompile(`(^|[\s"'(=,])/[^\s"',;:)]+`)

// RedactLocations returns an error text for unauthenticated readers: without hosts, paths and the given names.
func RedactLocations(err error, names ...string) string {
	text := err.Error()
	if e, ok := errors.AsType[*natsError](err); ok {
		text = e.cause
	}
	text = paths.ReplaceAllString(places.ReplaceAllString(text, "…"), "$1…")
	for _, name := range names {
		if name != "" {
			text = strings.ReplaceAll(text, name, "…")
		}
	}
	return text
}
