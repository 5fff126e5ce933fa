// Package telemetrytest is an OpenTelemetry collector for tests: it receives traces over OTLP (HTTP
// with protobuf) and records the spans. It does not depend on the worker. Start reading at [New].
package telemetrytest

import (
	"compress/gzip"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// Collector receives traces.
type Collector struct {
	URL string

	mu       sync.Mutex // guards the rest
	spans    []Span
	requests int
	header   http.Header
}

// Span is a received span. Attribute values are converted to text.
type Span struct {
	Name, Trace, ID, Parent string
	Kind                    tracepb.Span_SpanKind
	Status                  *tracepb.Status
	Attributes, Resource    map[string]string
	Links                   []string // ids of spans
	Start, End              time.Time
}

// New starts a collector. It is stopped at the end of the test.
func New(t *testing.T) *Collector {
	t.Helper()
	c := &Collector{}
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { c.receive(t, r) }))
	t.Cleanup(server.Close)
	c.URL = server.URL
	return c
}

func (c *Collector) receive(t *testing.T, r *http.Request) {
	t.Helper()
	body := io.Reader(r.Body)
	if r.Header.Get("Content-Encoding") == "gzip" {
		var err error
		if body, err = gzip.NewReader(body); err != nil {
			t.Errorf("collector: %v", err)
			return
		}
	}
	text, err := io.ReadAll(body)
	if err != nil {
		return // the sender was killed
	}
	var data tracepb.TracesData // encoded like an ExportTraceServiceRequest
	if err := proto.Unmarshal(text, &data); err != nil || r.URL.Path != "/v1/traces" || r.Header.Get("Content-Type") != "application/x-protobuf" {
		t.Errorf("collector: got %s %s with %s, want traces: %v", r.Method, r.URL, r.Header.Get("Content-Type"), err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.requests++
	c.header = r.Header
	for _, of := range data.GetResourceSpans() {
		for _, scope := range of.GetScopeSpans() {
			for _, s := range scope.GetSpans() {
				c.spans = append(c.spans, span(s, texts(of.GetResource().GetAttributes())))
			}
		}
	}
}

func span(s *tracepb.Span, resource map[string]string) Span {
	at := func(nanos uint64) time.Time { return time.Unix(0, int64(nanos)) } //nolint:gosec // fits until 2262
	made := Span{
		Name: s.GetName(), Trace: hex.EncodeToString(s.GetTraceId()), ID: hex.EncodeToString(s.GetSpanId()), Parent: hex.EncodeToString(s.GetParentSpanId()),
		Kind: s.GetKind(), Status: s.GetStatus(), Attributes: texts(s.GetAttributes()), Resource: resource,
		Start: at(s.GetStartTimeUnixNano()), End: at(s.GetEndTimeUnixNano()),
	}
	for _, link := range s.GetLinks() {
		made.Links = append(made.Links, hex.EncodeToString(link.GetSpanId()))
	}
	return made
}

func texts(attributes []*commonpb.KeyValue) map[string]string {
	all := map[string]string{}
	for _, a := range attributes {
		all[a.GetKey()] = a.GetValue().GetStringValue()
		if _, isText := a.GetValue().GetValue().(*commonpb.AnyValue_StringValue); !isText {
			all[a.GetKey()] = a.GetValue().String()
		}
	}
	return all
}

// Requests returns the number of exports.
func (c *Collector) Requests() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.requests
}

// Header returns the HTTP header of the last export.
func (c *Collector) Header() http.Header {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.header.Clone()
}

// Spans returns the spans of a trace, or of all traces if trace is "", sorted by start time.
func (c *Collector) Spans(trace string) []Span {
	c.mu.Lock()
	defer c.mu.Unlock()
	found := slices.DeleteFunc(slices.Clone(c.spans), func(s Span) bool { return trace != "" && s.Trace != trace })
	slices.SortStableFunc(found, func(a, b Span) int { return a.Start.Compare(b.Start) })
	return found
}
