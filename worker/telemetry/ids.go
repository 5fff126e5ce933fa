package telemetry

import (
	"context"
	"encoding/binary"
	"math/rand/v2"

	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// ids generates random ids, except for spans whose ids are known in advance: the trace id of a run is its
// run id, and the header of a published message has the id of its span.
type ids struct{}

type knownKey struct{}

// known returns a context in which the next span has the ids of a span context.
func known(ctx context.Context, sc trace.SpanContext) context.Context {
	return context.WithValue(ctx, knownKey{}, sc)
}

// NewIDs implements [sdktrace.IDGenerator].
func (ids) NewIDs(ctx context.Context) (id trace.TraceID, _ trace.SpanID) {
	if sc, ok := ctx.Value(knownKey{}).(trace.SpanContext); ok {
		return sc.TraceID(), sc.SpanID()
	}
	for !id.IsValid() {
		binary.BigEndian.PutUint64(id[:8], rand.Uint64())
		binary.BigEndian.PutUint64(id[8:], rand.Uint64())
	}
	return id, randomSpanID()
}

// NewSpanID implements [sdktrace.IDGenerator].
func (ids) NewSpanID(ctx context.Context, _ trace.TraceID) trace.SpanID {
	if sc, ok := ctx.Value(knownKey{}).(trace.SpanContext); ok {
		return sc.SpanID()
	}
	return randomSpanID()
}

func randomSpanID() (id trace.SpanID) {
	for !id.IsValid() {
		binary.BigEndian.PutUint64(id[:], rand.Uint64())
	}
	return id
}

// parse returns the span context of a W3C traceparent. It is invalid if the text is invalid. Spans in ctx
// are ignored.
func parse(ctx context.Context, traceparent string) trace.SpanContext {
	carrier := propagation.MapCarrier{"traceparent": traceparent}
	none := trace.ContextWithSpanContext(ctx, trace.SpanContext{})
	return trace.SpanContextFromContext(propagation.TraceContext{}.Extract(none, carrier))
}

// format returns the W3C traceparent of the span in ctx, "" without one.
func format(ctx context.Context) string {
	carrier := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(ctx, carrier)
	return carrier["traceparent"]
}
