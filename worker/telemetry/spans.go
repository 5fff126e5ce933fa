package telemetry

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"orderbeat/clients"
	"orderbeat/db/outbox"
	"orderbeat/jobs"
)

// system is the messaging and RPC system.
const system = "nats"

// Span is a span in progress. Methods of a nil Span do nothing.
type Span struct {
	span   trace.Span
	worker *Worker
}

func (t *Tracer) start(ctx context.Context, name string, options ...trace.SpanStartOption) (context.Context, *Span) {
	ctx, span := t.tracer.Start(ctx, name, options...)
	return ctx, &Span{span, &t.worker}
}

// In returns ctx with the span: spans started with it are children of the span, and log lines have its id.
func (s *Span) In(ctx context.Context) context.Context {
	if s == nil {
		return ctx
	}
	return trace.ContextWithSpan(ctx, s.span)
}

// End ends the span, with an error status unless err is nil.
func (s *Span) End(err error) {
	if s == nil {
		return
	}
	if err != nil {
		s.failed(errorType(err), err.Error())
	}
	s.span.End()
}

func (s *Span) failed(kind, message string) {
	s.span.SetAttributes(semconv.ErrorTypeKey.String(kind))
	s.span.SetStatus(codes.Error, shortened(errors.New(s.worker.Mask.Text(message))).Error())
}

// errorType returns the class of an error: its code if it has one.
func errorType(err error) string {
	if e, ok := errors.AsType[*clients.Error](err); ok {
		return string(e.Code)
	}
	switch {
	case errors.Is(err, context.Canceled):
		return "cancelled"
	case errors.Is(err, context.DeadlineExceeded):
		return "timeout"
	}
	return "_OTHER"
}

// Call starts the span of a request to the API; traceparent is the request's header of that name. The caller
// ends it with [Span.Replied].
func (t *Tracer) Call(ctx context.Context, endpoint, traceparent string) (context.Context, *Span) {
	if t == nil {
		return ctx, nil
	}
	method := "orderbeat/" + endpoint
	return t.start(trace.ContextWithRemoteSpanContext(ctx, parse(ctx, traceparent)), method, trace.WithSpanKind(trace.SpanKindServer),
		trace.WithAttributes(semconv.RPCSystemNameKey.String(system), semconv.RPCMethod(method)))
}

// Replied ends the span of a request. status is the status of an error reply, 0 for success.
func (s *Span) Replied(status int, code clients.Code, message string) {
	if s == nil {
		return
	}
	if status != 0 {
		s.span.SetAttributes(semconv.RPCResponseStatusCode(strconv.Itoa(status)))
		if status >= 500 {
			s.failed(string(code), message)
		} else {
			s.span.SetAttributes(semconv.ErrorTypeKey.String(string(code)))
		}
	}
	s.span.End()
}

// Planned records the span of planning, which started at began, and sets the run's trace context: jobs and
// messages of the run become children of the request. traceparent is from the caller. If ctx has no span,
// the request is a tick or a message, and its span is returned; the caller must end it when the run is
// stored.
func (t *Tracer) Planned(ctx context.Context, began time.Time, traceparent string, run *jobs.Run, invalid error) (request *Span) {
	if t == nil {
		return nil
	}
	if !trace.SpanContextFromContext(ctx).IsValid() {
		ctx, request = t.request(ctx, began, traceparent, run, invalid)
	}
	run.Traceparent = format(ctx)
	name := "plan"
	if _, known := jobs.Kinds[run.Kind]; known {
		name += " " + run.Kind
	}
	_, plan := t.start(ctx, name, trace.WithTimestamp(began), trace.WithAttributes(ofRun(run)...))
	plan.End(invalid)
	return request
}

// request starts the span of a tick or a message. If the caller has no trace, the trace id is the run
// id, so that the trace of a run can be looked up.
func (t *Tracer) request(ctx context.Context, began time.Time, traceparent string, run *jobs.Run, invalid error) (context.Context, *Span) {
	name, options := t.origin(run, invalid == nil)
	options = append(options, trace.WithTimestamp(began), trace.WithAttributes(ofRun(run)...))
	asked := trace.ContextWithRemoteSpanContext(ctx, parse(ctx, traceparent))
	if run.Traceparent != traceparent {
		asked = known(ctx, parse(ctx, run.Traceparent))
	}
	_, span := t.start(asked, name, options...)
	return span.In(ctx), span
}

// origin returns the name and the options of the span for the origin of a run.
func (t *Tracer) origin(run *jobs.Run, valid bool) (name string, options []trace.SpanStartOption) {
	if schedule, ok := jobs.ScheduleOf(run.Trigger); ok {
		return "tick " + schedule, nil
	}
	if run.Trigger != "nats" {
		return "request", nil
	}
	destination := t.worker.Prefix + ".runs.{provider}.{kind}"
	attributes := []attribute.KeyValue{
		semconv.MessagingSystemKey.String(system), semconv.MessagingOperationTypeProcess, semconv.MessagingOperationName("process"),
		semconv.MessagingDestinationTemplate(destination), semconv.MessagingConsumerGroupName("planner"),
	}
	if valid { // otherwise the subject may have unbounded values
		destination = t.worker.Prefix + ".runs." + outbox.Token(run.Provider) + "." + outbox.Token(run.Kind)
		attributes = append(attributes, semconv.MessagingDestinationName(destination))
	}
	if run.Key != "" {
		attributes = append(attributes, semconv.MessagingMessageID(run.Key))
	}
	return "process " + destination, []trace.SpanStartOption{trace.WithSpanKind(trace.SpanKindConsumer), trace.WithAttributes(attributes...)}
}

// Joined links the span to the existing run that the request joined.
func (s *Span) Joined(ctx context.Context, run *jobs.Run) {
	if s == nil {
		return
	}
	s.span.AddLink(trace.Link{SpanContext: parse(ctx, run.Traceparent)})
	s.span.SetAttributes(attribute.String("orderbeat.run_id", run.ID), attribute.Bool("orderbeat.joined", true))
}

func ofRun(run *jobs.Run) []attribute.KeyValue {
	return []attribute.KeyValue{
		attribute.String("orderbeat.run_id", run.ID), attribute.String("orderbeat.provider", run.Provider),
		attribute.String("orderbeat.kind", run.Kind),
	}
}

// Job starts the span of an attempt at a job, as a child of the span in ctx or else of the stored run.
func (t *Tracer) Job(ctx context.Context, job jobs.Job) (context.Context, *Span) {
	if t == nil {
		return ctx, nil
	}
	if !trace.SpanContextFromContext(ctx).IsValid() {
		ctx = trace.ContextWithRemoteSpanContext(ctx, parse(ctx, t.stored(ctx, job.RunID)))
	}
	return t.start(ctx, "job "+job.Kind, trace.WithAttributes(
		attribute.String("orderbeat.run_id", job.RunID), attribute.String("orderbeat.job_id", job.ID),
		attribute.String("orderbeat.provider", job.Provider), attribute.String("orderbeat.account", job.Account),
		attribute.String("orderbeat.kind", job.Kind), attribute.Int("orderbeat.attempt", job.Attempt),
	))
}

// Commit starts the span of committing an outcome, adds the outcome to the span of its job in ctx,
// and sets the trace context of the outcome's messages. The caller must end it with
// [Span.Committed].
func (t *Tracer) Commit(ctx context.Context, o *jobs.Outcome) (context.Context, *Span) {
	if t == nil {
		return ctx, nil
	}
	job := &Span{trace.SpanFromContext(ctx), &t.worker}
	job.span.SetAttributes(attribute.String("orderbeat.state", string(o.State)))
	if o.Err != nil {
		job.failed(string(o.Err.Code), o.Err.Reason())
	}
	ctx, span := t.start(ctx, "commit", trace.WithAttributes(semconv.DBSystemNameSQLite))
	o.Traceparent = format(ctx)
	return ctx, span
}

// Committed ends the span of a commit.
func (s *Span) Committed(n jobs.Tally, err error) {
	if s == nil {
		return
	}
	s.span.SetAttributes(
		attribute.Int("orderbeat.orders.seen", n.Seen), attribute.Int("orderbeat.orders.created", n.Created), attribute.Int("orderbeat.orders.changed", n.Changed),
	)
	s.End(err)
}

// templates has the subject templates of the outbox topics, without the prefix.
var templates = map[string]string{
	"alerts":  ".alerts.{provider}.{code}",
	"orders":  ".orders.{provider}.{account}.{order}",
	"results": ".results.{provider}.{run}",
	"runs":    ".runs.{provider}.{kind}",
}

// Published records spans for the messages with the given ids, which were published since began. Each message
// has its span in the header traceparent.
func (t *Tracer) Published(ctx context.Context, began time.Time, messages []outbox.Message, ids []int64) {
	if t == nil || len(ids) == 0 {
		return
	}
	done := make(map[int64]bool, len(ids))
	for _, id := range ids {
		done[id] = true
	}
	for i := range messages {
		if m := &messages[i]; done[m.ID] && m.Traceparent != "" {
			t.published(ctx, began, m)
		}
	}
}

func (t *Tracer) published(ctx context.Context, began time.Time, m *outbox.Message) {
	destination, subject := "(temporary)", m.Subject
	attributes := make([]attribute.KeyValue, 0, 8)
	if template, ok := templates[m.Topic]; ok {
		destination, subject = t.worker.Prefix+template, t.worker.Prefix+"."+m.Subject
		attributes = append(attributes, semconv.MessagingDestinationTemplate(destination))
	} else {
		attributes = append(attributes, semconv.MessagingDestinationTemporary(true))
	}
	attributes = append(attributes,
		semconv.MessagingSystemKey.String(system), semconv.MessagingOperationTypeSend, semconv.MessagingOperationName("publish"),
		semconv.MessagingDestinationName(strings.ToValidUTF8(subject, "")), semconv.MessagingMessageID(m.MsgID), semconv.MessagingMessageBodySize(len(m.Body)),
	)
	ctx = trace.ContextWithRemoteSpanContext(known(ctx, parse(ctx, jobs.ChildTraceparent(m.Traceparent, m.MsgID))), parse(ctx, m.Traceparent))
	_, span := t.tracer.Start(ctx, "publish "+destination, trace.WithSpanKind(trace.SpanKindProducer), trace.WithTimestamp(began), trace.WithAttributes(attributes...))
	span.End()
}

// Remote returns ctx with the W3C trace context of another process as parent. Without a trace context
// it returns ctx.
func (t *Tracer) Remote(ctx context.Context, traceparent ...string) context.Context {
	if t == nil || len(traceparent) == 0 || traceparent[0] == "" {
		return ctx
	}
	return trace.ContextWithRemoteSpanContext(ctx, parse(ctx, traceparent[0]))
}

// Context returns the trace context of the span in ctx, "" if tracing is off.
func (t *Tracer) Context(ctx context.Context) string {
	if t == nil {
		return ""
	}
	return format(ctx)
}

// Parent returns the parent trace context for attempts at a job in other processes, "" if tracing is off.
func (t *Tracer) Parent(ctx context.Context, job *jobs.Job) string {
	if t == nil {
		return ""
	}
	if trace.SpanContextFromContext(ctx).IsValid() {
		return format(ctx)
	}
	return t.stored(ctx, job.RunID)
}

// stored returns the trace context of a stored run.
func (t *Tracer) stored(ctx context.Context, runID string) string {
	traceparent, err := t.worker.Traceparent(ctx, runID)
	if err != nil {
		t.worker.Activity.Noticed("failed to read the trace context of a run, its job gets a separate trace", err)
	}
	return traceparent
}
