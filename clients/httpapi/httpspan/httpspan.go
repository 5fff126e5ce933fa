// Package httpspan records the HTTP exchanges of a provider's calls as spans (OpenTelemetry): one for
// each request that is sent, including a replay after a 401.
//
// It defines the names and attributes of these spans. They have no headers and no bodies, and URLs only as
// redacted by the caller. Nothing is added to a request: a provider never sees the trace. Where the
// context has no span, nothing is recorded. It must not know about providers. Start reading at
// [Call], then [Start].
package httpspan

import (
	"context"
	"net/http"
	"strconv"
	"sync/atomic"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
)

type callKey struct{}

// call is what the exchanges of one call have in common.
type call struct {
	op, url string
	sent    atomic.Int32
}

// Call returns a context for the exchanges of a call: its operation, and its URL as redact returns it.
func Call(ctx context.Context, op string, redact func() string) context.Context {
	if !trace.SpanFromContext(ctx).IsRecording() {
		return ctx
	}
	return context.WithValue(ctx, callKey{}, &call{op: op, url: redact()})
}

// Span is one exchange in progress. The nil Span does nothing.
type Span struct{ span trace.Span }

// Start starts the span of an exchange of the call in the request's context.
func Start(req *http.Request) *Span {
	ctx := req.Context()
	parent := trace.SpanFromContext(ctx)
	if !parent.IsRecording() {
		return nil
	}
	c, _ := ctx.Value(callKey{}).(*call)
	if c == nil {
		return nil
	}
	attributes := []attribute.KeyValue{
		semconv.HTTPRequestMethodKey.String(req.Method), semconv.URLFull(c.url), semconv.ServerAddress(req.URL.Hostname()),
		attribute.String("orderbeat.operation", c.op),
	}
	if port, err := strconv.Atoi(req.URL.Port()); err == nil {
		attributes = append(attributes, semconv.ServerPort(port))
	} else if req.URL.Scheme == "https" {
		attributes = append(attributes, semconv.ServerPort(443))
	} else {
		attributes = append(attributes, semconv.ServerPort(80))
	}
	if n := c.sent.Add(1); n > 1 {
		attributes = append(attributes, semconv.HTTPRequestResendCount(int(n-1)))
	}
	_, span := parent.TracerProvider().Tracer("orderbeat/clients/httpapi").Start(ctx, req.Method+" "+c.op,
		trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(attributes...))
	return &Span{span}
}

// End ends the exchange with the status of its response, 0 for none, and the class of its failure, ""
// for none.
func (s *Span) End(status int, class string) {
	if s == nil {
		return
	}
	if status > 0 {
		s.span.SetAttributes(semconv.HTTPResponseStatusCode(status))
	}
	if status >= 400 && class == "" {
		class = strconv.Itoa(status)
	}
	if class != "" {
		s.span.SetAttributes(semconv.ErrorTypeKey.String(class))
		s.span.SetStatus(codes.Error, "")
	}
	s.span.End()
}
