package telemetry

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"orderbeat/auth/mask"
	"orderbeat/worker/problems"
)

// Worker has the properties and dependencies of the traced process.
type Worker struct {
	// Version and ID describe this process in the traces.
	Version, ID string
	// Prefix is the prefix of all subjects.
	Prefix string
	// Traceparent returns the trace context of a stored run.
	Traceparent func(ctx context.Context, runID string) (string, error)
	Activity    *problems.Activity // the activity of exporting
	Mask        *mask.Set          // secrets that are masked in the messages of errors
	Log         *slog.Logger
}

// closeTimeout bounds the last export.
const closeTimeout = 2 * time.Second

// Tracer starts the spans of the worker. The nil Tracer starts none: its methods return their
// context, and nil spans. It is safe for concurrent use.
type Tracer struct {
	worker   Worker
	provider *sdktrace.TracerProvider
	tracer   trace.Tracer
	exporter *exporter
	close    func(ctx context.Context)
}

// Open returns a tracer that exports to the configured endpoint, or nil without one. It opens no
// connection. A configuration that the exporter rejects is logged, and nothing is traced.
func Open(ctx context.Context, c Config, w Worker) *Tracer {
	if c.Endpoint == "" {
		return nil
	}
	// Errors of OpenTelemetry itself, such as an invalid OTEL_TRACES_SAMPLER.
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { w.Activity.Noticed("OpenTelemetry reports an error", err) }))
	headers := map[string]string{}
	for name, value := range c.Headers {
		headers[name] = value.Reveal()
	}
	options := []otlptracehttp.Option{
		otlptracehttp.WithEndpointURL(c.Endpoint),
		// Shorter than the default: spans that arrive meanwhile wait in a bounded queue.
		otlptracehttp.WithRetry(otlptracehttp.RetryConfig{Enabled: true, InitialInterval: time.Second, MaxInterval: 5 * time.Second, MaxElapsedTime: 15 * time.Second}),
	}
	if len(headers) > 0 {
		options = append(options, otlptracehttp.WithHeaders(headers))
	}
	otlp, err := otlptracehttp.New(ctx, options...)
	if err != nil {
		w.Log.Warn("traces are off: failed to create the exporter", "endpoint", c.Endpoint, "err", err)
		return nil
	}
	t := &Tracer{worker: w, exporter: newExporter(otlp, c.Endpoint, w.Activity)} //nolint:contextcheck // it ends with Close
	describing := []sdktrace.TracerProviderOption{
		sdktrace.WithSpanProcessor(t.exporter), sdktrace.WithIDGenerator(ids{}), sdktrace.WithResource(describe(ctx, w)),
	}
	if c.Sample != nil {
		describing = append(describing, sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.TraceIDRatioBased(*c.Sample))))
	}
	t.provider = sdktrace.NewTracerProvider(describing...)
	t.tracer = t.provider.Tracer("orderbeat", trace.WithInstrumentationVersion(w.Version), trace.WithSchemaURL(semconv.SchemaURL))
	var once sync.Once
	t.close = func(ctx context.Context) { once.Do(func() { t.shutDown(ctx) }) }
	return t
}

// describe returns the attributes of this process.
func describe(ctx context.Context, w Worker) *resource.Resource {
	described, err := resource.New(ctx,
		resource.WithAttributes(semconv.ServiceName("orderbeat"), semconv.ServiceVersion(w.Version), semconv.ServiceInstanceID(w.ID)),
		resource.WithHost(), resource.WithTelemetrySDK(), resource.WithFromEnv(),
	)
	if err != nil { // described is still usable: it has the attributes that were detected
		w.Activity.Noticed("OpenTelemetry reports an error", err)
	}
	return described
}

// Close exports the ended spans, within closeTimeout and until ctx ends. The remaining spans are
// dropped. Only the first call has an effect.
func (t *Tracer) Close(ctx context.Context) {
	if t != nil {
		t.close(ctx)
	}
}

func (t *Tracer) shutDown(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, closeTimeout)
	defer cancel()
	t.exporter.closed.Store(true)
	detach := context.AfterFunc(ctx, t.exporter.abandon)
	defer t.exporter.abandon()
	defer detach()
	_ = t.provider.Shutdown(context.WithoutCancel(ctx)) // failed exports are reported
}

// Counters returns the metrics of exports. For a nil tracer they stay 0.
func (t *Tracer) Counters() []prometheus.Collector {
	if t == nil {
		return []prometheus.Collector{newSpanCounter()}
	}
	return []prometheus.Collector{t.exporter.spans}
}
