package main // an inside test: a main package cannot be imported

import (
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/oklog/ulid/v2"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	"orderbeat/clients/sandbox"
	"orderbeat/jobs"
	"orderbeat/worker/telemetry/telemetrytest"
)

// tracedConfig configures a provider whose calls are checked: none may have a trace context.
func tracedConfig(t *testing.T, more string) (config string, s *stand) {
	t.Helper()
	folder := t.TempDir()
	s = newStand(t, sandbox.Options{})
	checked := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.Header.Get("traceparent")+r.Header.Get("tracestate")+r.Header.Get("baggage") != "" {
			t.Errorf("the provider got the headers %v, want no trace context", r.Header)
		}
		s.ServeHTTP(rw, r)
	}))
	t.Cleanup(checked.Close)
	s.url = checked.URL
	config = filepath.Join(folder, "config.toml")
	text := more + `
[nats]
listen = "127.0.0.1:0"
[web]
listen = "127.0.0.1:0"
` + s.section(t, folder, "michelin", "") + `
[[schedules]]
name = "nightly"
cron = "30 2 * * *"
at_start = true
provider = "michelin"
kind = "sync"
accounts = ["detroit"]
`
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return config, s
}

// tree are the received spans of one trace.
type tree struct {
	*testing.T
	spans []telemetrytest.Span
}

// one returns the only span with a name and a parent, of any kind of parent if that is "*".
func (t tree) one(name, parent string) telemetrytest.Span {
	t.Helper()
	var found []telemetrytest.Span
	for _, s := range t.spans {
		if s.Name == name && (parent == "*" || s.Parent == parent) {
			found = append(found, s)
		}
	}
	if len(found) != 1 {
		t.Fatalf("got %d spans %q below %q, want one, in:\n%s", len(found), name, parent, t)
	}
	return found[0]
}

func (t tree) String() string {
	var b strings.Builder
	for _, s := range t.spans {
		fmt.Fprintf(&b, "%s < %s  %s\n", s.ID, s.Parent, s.Name)
	}
	return b.String()
}

// awaited waits for a span of a trace, and returns the trace.
func awaited(p *program, c *telemetrytest.Collector, trace, name string) tree {
	p.t.Helper()
	var spans []telemetrytest.Span
	p.eventually("the trace "+trace+" has "+name, func() bool {
		spans = c.Spans(trace)
		for _, s := range spans {
			if s.Name == name {
				return true
			}
		}
		return false
	})
	return tree{p.t, spans}
}

// TestTraces follows one trace from a message to its events, over a kill -9 between planning and the
// job; that of a tick; and that of a live request.
func TestTraces(t *testing.T) {
	t.Parallel()
	collector := telemetrytest.New(t)
	config, stand := tracedConfig(t, fmt.Sprintf("[telemetry]\nendpoint = %q\n", collector.URL))
	p := startProcess(t, config, "OTEL_BSP_SCHEDULE_DELAY=20")

	// The tick's trace is that of its run.
	tick := p.results(1)[0]
	id := ulid.MustParse(tick.ID)
	ticked := awaited(p, collector, hex.EncodeToString(id[:]), "publish orderbeat.results.{provider}.{run}")
	root := ticked.one("tick nightly", "")
	ticked.one("plan sync", root.ID)
	ticked.one("commit", ticked.one("job sync", root.ID).ID)
	ticked.one("publish orderbeat.results.{provider}.{run}", root.ID)

	// A message, whose job is in flight when the process is killed.
	const caller, span = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
	before, release := len(stand.calls(struck)), stand.hold()
	_, err := p.js.PublishMsg(t.Context(), &nats.Msg{
		Subject: "orderbeat.runs.michelin.sync", Data: []byte(`{"accounts":["toledo"]}`),
		Header: nats.Header{"traceparent": {"00-" + caller + "-" + span + "-01"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	p.eventually("the job is in flight", func() bool { return len(stand.calls(struck)) > before })
	awaited(p, collector, caller, "process orderbeat.runs.michelin.sync")
	p.kill()
	release()
	p = startProcess(t, config, "OTEL_BSP_SCHEDULE_DELAY=20")
	p.eventually("the run has ended", func() bool { return strings.Contains(p.logged.String(), `"trigger":"nats"`) })
	made := awaited(p, collector, caller, "publish orderbeat.results.{provider}.{run}")
	process := made.one("process orderbeat.runs.michelin.sync", span)
	made.one("plan sync", process.ID)
	job := made.one("job sync", process.ID)
	var calls []telemetrytest.Span
	for _, s := range made.spans {
		if s.Kind == tracepb.Span_SPAN_KIND_CLIENT {
			calls = append(calls, s)
		}
	}
	if len(calls) == 0 || calls[0].Parent != job.ID || calls[0].Attributes["server.address"] != "127.0.0.1" || !strings.HasPrefix(calls[0].Attributes["url.full"], stand.url) {
		t.Errorf("got calls %+v, want those of the job", calls)
	}
	commit := made.one("commit", job.ID)
	made.one("publish orderbeat.results.{provider}.{run}", process.ID)
	if process.Kind != tracepb.Span_SPAN_KIND_CONSUMER || job.Attributes["orderbeat.account"] != "toledo" || job.Attributes["orderbeat.state"] != "succeeded" {
		t.Errorf("got message %+v, job %+v", process, job)
	}

	// Each event names its step, a child of the commit.
	published := map[string]telemetrytest.Span{}
	for _, s := range made.spans {
		late := strings.Contains(s.Attributes["messaging.message.id"], ".late.") // not among the fetched
		if s.Name == "publish orderbeat.orders.{provider}.{account}.{order}" && !late {
			published[s.ID] = s
		}
	}
	events := 0
	for _, msg := range p.fetch("ORDERBEAT_ORDERS", p.count("order_events")) {
		parent := msg.Headers().Get("traceparent")
		if !strings.HasPrefix(parent, "00-"+caller+"-") {
			continue
		}
		events++
		s := published[parent[36:52]]
		if s.Parent != commit.ID || s.Kind != tracepb.Span_SPAN_KIND_PRODUCER || s.Attributes["messaging.message.id"] != msg.Headers().Get("Nats-Msg-Id") ||
			s.Attributes["messaging.destination.name"] != msg.Subject() {
			t.Errorf("event with traceparent %s: got step %+v, want a child of the commit %s", parent, s, commit.ID)
		}
	}
	if events == 0 || events != len(published) {
		t.Errorf("got %d events and %d steps that published them", events, len(published))
	}

	// A live request. All log lines have the trace.
	const asker = "0af7651916cd43dd8448eb211c80319c"
	order := p.events(1)[0]
	reply, err := p.conn.RequestMsg(&nats.Msg{
		Subject: "orderbeat.api.orders.get", Header: nats.Header{"traceparent": {"00-" + asker + "-b7ad6b7169203331-01"}},
		Data: fmt.Appendf(nil, `{"provider":"michelin","account":%q,"order_id":%q,"max_age":"0s"}`, order.Account, order.OrderID),
	}, time.Minute)
	if err != nil || reply.Header.Get("Nats-Service-Error-Code") != "" {
		t.Fatalf("orders.get: %v %+v", err, reply)
	}
	live := awaited(p, collector, asker, "publish orderbeat.results.{provider}.{run}")
	request := live.one("orderbeat/orders.get", "b7ad6b7169203331")
	live.one("plan fetch", request.ID)
	live.one("commit", live.one("job fetch", request.ID).ID)
	for _, trace := range []string{caller, asker} {
		if want := `"trace_id":"` + trace + `"`; !strings.Contains(p.logged.String(), want) {
			t.Errorf("want %s in the log:\n%s", want, p.logged)
		}
	}
	for _, s := range collector.Spans("") {
		if text := fmt.Sprintf("%+v", s); strings.Contains(text, sandbox.ClientSecret) || strings.Contains(text, "Bearer") {
			t.Errorf("a secret is in %s", text)
		}
	}
	if p.stop() != 0 {
		t.Error("the program failed")
	}
}

// TestTracesAreOff has an endpoint in the environment, which OTEL_SDK_DISABLED overrides, and none.
func TestTracesAreOff(t *testing.T) {
	collector := telemetrytest.New(t)
	config, _ := tracedConfig(t, "")
	p := startProcess(t, config, "OTEL_BSP_SCHEDULE_DELAY=20", "OTEL_EXPORTER_OTLP_ENDPOINT="+collector.URL, "OTEL_SDK_DISABLED=true")
	p.results(1)
	p.stop()
	if collector.Requests() != 0 || strings.Contains(p.logged.String(), "trace_id") || !strings.Contains(p.logged.String(), "traces are off: OTEL_SDK_DISABLED is true") {
		t.Errorf("got %d exports, log:\n%s", collector.Requests(), p.logged)
	}

	config, _ = tracedConfig(t, "")
	p = startHere(t, config)
	if run := p.results(1)[0]; run.State != jobs.Succeeded {
		t.Errorf("got %+v", run)
	}
	stacks := make([]byte, 4<<20)
	if stacks = stacks[:runtime.Stack(stacks, true)]; strings.Contains(string(stacks), "go.opentelemetry.io") {
		t.Errorf("goroutines of OpenTelemetry run:\n%s", stacks)
	}
}

func TestCheckSaysWhereTracesGo(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	secret := writeSecret(t, folder, "headers", "api-key=s3cr3t-value")
	for _, test := range []struct {
		section string
		status  int
		want    string
	}{
		{"", 0, "traces: off\n"},
		{`endpoint = "http://127.0.0.1:4318"`, 0, "traces: to http://127.0.0.1:4318/v1/traces\n"},
		{`endpoint = "https://otlp.example/otlp"` + "\nsample = 0.25", 0, "traces: to https://otlp.example/otlp/v1/traces, sample 0.25\n"},
		{"endpoint = \"http://collector:4318\"\nheaders = \"" + strings.Replace(secret, ":", ":"+folder+"/", 1) + `"`, 0, "note: telemetry: headers with secrets are sent over plain http"},
		{`endpoint = "collector:4318"`, 2, `telemetry.endpoint: is not a URL: write it like "http://127.0.0.1:4318"`},
		{`protocol = "grpc"`, 2, `telemetry.protocol: "grpc" is not one of http/protobuf`},
		{`sample = 1.5`, 2, `telemetry.sample: want a number from 0 to 1, got 1.5`},
		{`headers = "api-key=1"`, 2, `telemetry.headers: secrets must not be in the file`},
	} {
		got := do(t, "check", "--config", writeConfig(t, "[telemetry]\n"+test.section))
		if got.status != test.status || !strings.Contains(got.stdout+got.stderr, test.want) || strings.Contains(got.stdout+got.stderr, "s3cr3t") {
			t.Errorf("%s: got status %d, %s%s, want %s", test.section, got.status, got.stdout, got.stderr, test.want)
		}
	}
}
