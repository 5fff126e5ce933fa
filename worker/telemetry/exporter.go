package telemetry

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"orderbeat/worker/metrics"
	"orderbeat/worker/problems"
)

// maxWaiting bounds the spans that wait for export. A span needs one to two KiB of memory.
const maxWaiting = 8192

// The values of the label result of the metric spans_total.
const (
	spanExported = "exported"
	spanFailed   = "failed"
	spanDropped  = "dropped"
)

// exporter is a batching span processor with a bounded number of spans. It counts the results of exports
// and reports failures.
type exporter struct {
	sdktrace.SpanProcessor // batches spans for sender
	otlp                   sdktrace.SpanExporter
	endpoint               string
	waiting                atomic.Int64 // spans that are neither exported nor dropped
	closed                 atomic.Bool  // takes no more spans
	spans                  *prometheus.CounterVec
	activity               *problems.Activity
	// bound returns a context that also ends when abandon is called. abandon stops the export in progress and makes all
	// further exports fail immediately.
	bound   func(ctx context.Context) (bound context.Context, release func())
	abandon func()
}

func newExporter(otlp sdktrace.SpanExporter, endpoint string, activity *problems.Activity) *exporter {
	e := &exporter{
		otlp: otlp, endpoint: endpoint, activity: activity, spans: newSpanCounter(),
	}
	life, abandon := context.WithCancel(context.Background())
	e.abandon = abandon
	e.bound = func(ctx context.Context) (context.Context, func()) {
		ctx, cancel := context.WithCancel(ctx)
		detach := context.AfterFunc(life, cancel)
		return ctx, func() { detach(); cancel() }
	}
	// The processor's own queue is never full: it has room for all spans that OnEnd accepts.
	e.SpanProcessor = sdktrace.NewBatchSpanProcessor(sender{e}, sdktrace.WithMaxQueueSize(maxWaiting))
	return e
}

func newSpanCounter() *prometheus.CounterVec {
	return metrics.NewCounter("spans_total", "Ended spans by result: exported, failed (not accepted by the collector), dropped (too many waiting).",
		"result", []string{spanExported, spanFailed, spanDropped})
}

// OnEnd implements [sdktrace.SpanProcessor]. It never blocks.
func (e *exporter) OnEnd(s sdktrace.ReadOnlySpan) {
	if !s.SpanContext().IsSampled() {
		return
	}
	if e.closed.Load() || e.waiting.Add(1) > maxWaiting {
		e.waiting.Add(-1)
		e.spans.WithLabelValues(spanDropped).Inc()
		return
	}
	e.SpanProcessor.OnEnd(s)
}

// sender exports batches. It reports and counts errors itself and does not return them.
type sender struct{ *exporter }

// ExportSpans implements [sdktrace.SpanExporter].
func (s sender) ExportSpans(ctx context.Context, batch []sdktrace.ReadOnlySpan) error {
	defer s.waiting.Add(-int64(len(batch)))
	ctx, release := s.bound(ctx)
	defer release()
	if err := s.otlp.ExportSpans(ctx, batch); err != nil {
		s.spans.WithLabelValues(spanFailed).Add(float64(len(batch)))
		s.activity.Failed("failed to export traces", shortened(err), "endpoint", s.endpoint)
		return nil
	}
	s.spans.WithLabelValues(spanExported).Add(float64(len(batch)))
	s.activity.OK()
	return nil
}

// Shutdown implements [sdktrace.SpanExporter].
func (s sender) Shutdown(ctx context.Context) error { return s.otlp.Shutdown(ctx) }

// shortened returns err with a bounded text, since it may contain the body of a response.
func shortened(err error) error {
	const most = 300
	if text := err.Error(); len(text) > most {
		return errors.New(strings.ToValidUTF8(text[:most], "") + "…")
	}
	return err
}
