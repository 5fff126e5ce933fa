package telemetry_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"orderbeat/auth/secret"
	"orderbeat/clients"
	"orderbeat/jobs"
	"orderbeat/worker/problems"
	"orderbeat/worker/telemetry"
	"orderbeat/worker/telemetry/telemetrytest"
)

// lines is a log.
type lines struct {
	mu   sync.Mutex // guards text
	text bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// open opens a tracer that logs to the returned log.
func open(t *testing.T, c telemetry.Config) (*telemetry.Tracer, *lines) {
	t.Helper()
	text := &lines{}
	log := slog.New(slog.NewTextHandler(text, nil))
	tracer := telemetry.Open(t.Context(), c, telemetry.Worker{
		Version: "1.2.3", ID: "test", Prefix: "orderbeat", Activity: problems.NewSet(log).Activity("export traces"), Log: log,
		Traceparent: func(context.Context, string) (string, error) { return parent, nil },
	})
	t.Cleanup(func() { tracer.Close(context.Background()) })
	return tracer, text
}

const (
	trace  = "4bf92f3577b34da6a3ce929d0e0e4736"
	parent = "00-" + trace + "-00f067aa0ba902b7-01"
)

// exports counts spans by what became of them.
func exports(t *testing.T, tracer *telemetry.Tracer) map[string]float64 {
	t.Helper()
	registry := prometheus.NewRegistry()
	registry.MustRegister(tracer.Counters()...)
	families, err := registry.Gather()
	if err != nil || len(families) != 1 || families[0].GetName() != "orderbeat_spans_total" {
		t.Fatalf("got metrics %v, %v", families, err)
	}
	counts := map[string]float64{}
	for _, m := range families[0].GetMetric() {
		counts[m.GetLabel()[0].GetValue()] = m.GetCounter().GetValue()
	}
	return counts
}

// waitFor waits until a condition holds.
func waitFor(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

func exporting() bool {
	stacks := make([]byte, 1<<20)
	return bytes.Contains(stacks[:runtime.Stack(stacks, true)], []byte("go.opentelemetry.io"))
}

func TestWithoutEndpointNothingIsTraced(t *testing.T) {
	tracer := telemetry.Open(t.Context(), telemetry.Config{}, telemetry.Worker{})
	if tracer != nil || exporting() {
		t.Errorf("got tracer %v, goroutines of the exporter: %t, want none", tracer, exporting())
	}
	ctx, job, out := t.Context(), jobs.Job{Kind: "sync"}, jobs.Outcome{}
	run := jobs.Run{Traceparent: parent}
	allocations := testing.AllocsPerRun(100, func() {
		inner, request := tracer.Call(ctx, "orders.get", parent)
		inner, attempt := tracer.Job(inner, job)
		inner, commit := tracer.Commit(inner, &out)
		planned := tracer.Planned(inner, time.Time{}, parent, &run, nil)
		if planned.In(inner) != ctx {
			t.Error("got another context")
		}
		planned.Joined(ctx, &run)
		planned.End(nil)
		commit.Committed(jobs.Tally{}, nil)
		attempt.End(nil)
		request.Replied(0, "", "")
		tracer.Published(ctx, time.Time{}, nil, nil)
	})
	tracer.Close(ctx)
	if allocations != 0 || run.Traceparent != parent || out.Traceparent != "" {
		t.Errorf("got %v allocations, run %q, outcome %q, want nothing done", allocations, run.Traceparent, out.Traceparent)
	}
}

func TestSpansOfAJob(t *testing.T) {
	collector := telemetrytest.New(t)
	endpoint, err := telemetry.Endpoint(collector.URL, true)
	if err != nil {
		t.Fatal(err)
	}
	tracer, _ := open(t, telemetry.Config{Endpoint: endpoint, Headers: map[string]secret.Secret{"Api-Key": secret.New("s3cr3t")}})
	var text lines
	log := telemetry.Logger(slog.New(slog.NewJSONHandler(&text, nil)).With("provider", "michelin"))
	ctx, job := tracer.Job(t.Context(), jobs.Job{ID: "j1", RunID: "r1", Kind: "sync", Attempt: 2})
	log.InfoContext(ctx, "job")
	out := jobs.Outcome{State: jobs.Waiting, Err: &clients.Error{Code: clients.CodeUnavailable, Message: "maintenance"}}
	_, commit := tracer.Commit(ctx, &out)
	commit.Committed(jobs.Tally{Seen: 3}, errors.New("disk full"))
	job.End(nil)
	tracer.Close(t.Context())
	spans := collector.Spans(trace)
	if len(spans) != 2 || spans[0].Name != "job sync" || spans[1].Name != "commit" || spans[0].Parent != "00f067aa0ba902b7" || spans[1].Parent != spans[0].ID {
		t.Fatalf("got %+v, want a job with its commit", spans)
	}
	if a := spans[0].Attributes; a["error.type"] != "unavailable" || a["orderbeat.job_id"] != "j1" || a["orderbeat.state"] != "waiting" || spans[0].Status.GetMessage() != "maintenance" {
		t.Errorf("got attributes %v, status %v of the job", a, spans[0].Status)
	}
	if out.Traceparent != "00-"+trace+"-"+spans[1].ID+"-01" || spans[1].Status.GetMessage() != "disk full" {
		t.Errorf("got outcome's trace %s, status %v, want those of the commit", out.Traceparent, spans[1].Status)
	}
	if r := spans[0].Resource; r["service.name"] != "orderbeat" || r["service.version"] != "1.2.3" {
		t.Errorf("got resource %v", r)
	}
	if got := collector.Header().Get("Api-Key"); got != "s3cr3t" {
		t.Errorf("got Api-Key %q", got)
	}
	if want := `"trace_id":"` + trace + `","span_id":"` + spans[0].ID + `"`; !strings.Contains(text.String(), want) {
		t.Errorf("got log line %s, want %s in it", text.String(), want)
	}
	if got := exports(t, tracer); got["exported"] != 2 {
		t.Errorf("got %v, want 2 exported", got)
	}
}

func TestSampleIsOfNewTraces(t *testing.T) {
	collector := telemetrytest.New(t)
	none := 0.0
	tracer, _ := open(t, telemetry.Config{Endpoint: collector.URL + "/v1/traces", Sample: &none})
	run := jobs.Run{ID: "01M8KGEFQ6B25VATY3M744V8Q2", Kind: "sync", Trigger: "nats", Traceparent: "00-01a227066c02a4da3e78920e6668e682-a9e1d7ea6f5056bf-01"}
	tracer.Planned(t.Context(), time.Now(), "", &run, nil).End(nil)
	if want := "00-01a227066c02a4da3e78920e6668e682-a9e1d7ea6f5056bf-00"; run.Traceparent != want {
		t.Errorf("got %s, want %s: not sampled, and so are its consumers", run.Traceparent, want)
	}
	_, call := tracer.Call(t.Context(), "orders.get", parent) // its caller records
	call.Replied(404, "not_found", "")
	tracer.Close(t.Context())
	if spans := collector.Spans(""); len(spans) != 1 || spans[0].Name != "orderbeat/orders.get" || spans[0].Attributes["rpc.response.status_code"] != "404" {
		t.Errorf("got %+v, want the caller's request only", spans)
	}
}

func TestUnreachableCollectorIsOneWarning(t *testing.T) {
	t.Setenv("OTEL_BSP_SCHEDULE_DELAY", "10")
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	tracer, text := open(t, telemetry.Config{Endpoint: server.URL + "/v1/traces"})
	for n := range 3 {
		_, call := tracer.Call(t.Context(), "orders.get", "")
		call.Replied(0, "", "")
		waitFor(t, "the export fails", func() bool { return exports(t, tracer)["failed"] == float64(n+1) })
	}
	if n := strings.Count(text.String(), "\n"); n != 1 || !strings.Contains(text.String(), `msg="failed to export traces" endpoint=`+server.URL+"/v1/traces") || !strings.Contains(text.String(), "refused") {
		t.Errorf("got log:\n%swant one warning with the endpoint and the cause", text.String())
	}
}

func TestStuckCollectorNeitherBlocksNorDelaysTheEnd(t *testing.T) {
	t.Setenv("OTEL_BSP_SCHEDULE_DELAY", "10")
	stuck := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-stuck:
		case <-r.Context().Done():
		}
	}))
	defer server.Close()
	defer close(stuck)
	tracer, _ := open(t, telemetry.Config{Endpoint: server.URL + "/v1/traces"})
	const many, bound = 10_000, 8192
	for range many {
		_, call := tracer.Call(t.Context(), "orders.get", "")
		call.Replied(0, "", "")
	}
	if got := exports(t, tracer); got["dropped"] != many-bound {
		t.Errorf("got %v of %d, want all but %d dropped", got, many, bound)
	}
	began := time.Now()
	ending, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	tracer.Close(ending)
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("closing took %s", took)
	}
	if got := exports(t, tracer); got["failed"] != bound || got["exported"] != 0 {
		t.Errorf("got %v after the end, want %d failed", got, bound)
	}
	waitFor(t, "the goroutines of the exporter end", func() bool { return !exporting() })
}

func TestEnvironment(t *testing.T) {
	t.Parallel()
	const ours = "http://127.0.0.1:4318/v1/traces"
	for _, test := range []struct {
		name, endpoint, environment, want, err string
	}{
		{"nothing", "", "", "", ""},
		{"the key", ours, "", ours, ""},
		{"a base", "", "OTEL_EXPORTER_OTLP_ENDPOINT=https://otlp.example/otlp/", "https://otlp.example/otlp/v1/traces", ""},
		{"an address as it is", "", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=https://otlp.example/in OTEL_EXPORTER_OTLP_ENDPOINT=http://x", "https://otlp.example/in", ""},
		{"the key wins", ours, "OTEL_EXPORTER_OTLP_ENDPOINT=http://x", ours, ""},
		{"the default", "", "OTEL_TRACES_EXPORTER=otlp", "http://localhost:4318/v1/traces", ""},
		{"switched off", ours, "OTEL_SDK_DISABLED=TRUE", "", "OTEL_SDK_DISABLED is true"},
		{"no traces", ours, "OTEL_TRACES_EXPORTER=none", "", `OTEL_TRACES_EXPORTER is "none"`},
		{"gRPC", "", "OTEL_EXPORTER_OTLP_ENDPOINT=http://x:4317 OTEL_EXPORTER_OTLP_PROTOCOL=grpc", "", `OTEL_EXPORTER_OTLP_PROTOCOL is "grpc", and only http/protobuf is supported`},
		{"other signals only", "", "OTEL_EXPORTER_OTLP_PROTOCOL=grpc", "", ""},
		{"no URL", "", "OTEL_EXPORTER_OTLP_ENDPOINT=collector:4318", "", "OTEL_EXPORTER_OTLP_ENDPOINT is not a URL"},
		{"a password", "", "OTEL_EXPORTER_OTLP_ENDPOINT=http://a:b@x", "", "credentials are headers"},
		{"no headers", ours, "OTEL_EXPORTER_OTLP_HEADERS=s3cr3t", "", `OTEL_EXPORTER_OTLP_HEADERS: want "name=value`},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			getenv := func(name string) string {
				for pair := range strings.FieldsSeq(test.environment) {
					if value, ok := strings.CutPrefix(pair, name+"="); ok {
						return value
					}
				}
				return ""
			}
			got, err := telemetry.Config{Endpoint: test.endpoint}.WithEnvironment(getenv)
			if got.Endpoint != test.want || (err == nil) != (test.err == "") || err != nil && !strings.Contains(err.Error(), test.err) {
				t.Errorf("got %q, %v, want %q, %q", got.Endpoint, err, test.want, test.err)
			}
			if err != nil && strings.Contains(err.Error(), "s3cr3t") {
				t.Errorf("%v has a secret", err)
			}
		})
	}
}

func TestHeaders(t *testing.T) {
	t.Parallel()
	headers, err := telemetry.Headers("Authorization=Bearer%20abc, x-tenant = 7")
	if err != nil || len(headers) != 2 || headers["Authorization"].Reveal() != "Bearer abc" || headers["x-tenant"].Reveal() != "7" {
		t.Errorf("got %v, %v", headers, err)
	}
	c := telemetry.Config{Endpoint: "http://collector:4318/v1/traces", Headers: headers}
	if got := fmt.Sprint(c.Secrets()); !c.Exposed() || !strings.Contains(got, "Bearer abc abc") {
		t.Errorf("got secrets %s, exposed %t", got, c.Exposed())
	}
}
