package worker_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"

	"orderbeat/jobs"
	"orderbeat/worker/api"
)

// insides are words of the implementation, which a caller cannot understand.
var insides = regexp.MustCompile(`(?i)\bjson:|\bGo (struct|value)|unmarshal|(?-i:\b(api|jobs|clients|db)\.[A-Z])|(?-i:\w+Params\b)|\bint64\b|\bint\b|\bbool\b|\*?struct|map\[|\bsql|context (deadline|canceled)|strconv|parsing|\bEOF\b|nil pointer|UTF-8 sequence|invalid character|time: |interface|\.go\b`)

// wrongValues are one value of each type of JSON, and texts that are nothing.
var wrongValues = []string{`null`, `true`, `-1`, `1.5`, `1e300`, `12345678901234567890`, `"x"`, `""`, `[]`, `[1]`, `[null]`, `{}`, `{"x": 1}`}

// wrongBodies are bodies that are no request.
var wrongBodies = []string{`x`, `{`, `[`, `"x"`, `1`, `null`, `[]`, `{}x`, `{} {}`, `{"x": 1}`, `{"x"}`, `{'x': 1}`, "{\"x\": \"\x01\"}", "\xff\xfe", `{"a": 1,}`, `{"provider": "mich`}

// TestErrorTextsAreForCallers sends wrong values in every member of every request.
func TestErrorTextsAreForCallers(t *testing.T) {
	t.Parallel()
	b := start(t, nil)
	check := func(what string, msg *nats.Msg) {
		var reply struct {
			Error  *api.Error
			Run    *jobs.Run
			Errors []jobs.RunError
		}
		b.decode(msg.Data, &reply)
		if reply.Error != nil {
			text := reply.Error.Message + " | " + reply.Error.Hint + " | " + msg.Header.Get("Nats-Service-Error")
			if found := insides.FindString(text); found != "" {
				t.Errorf("%s: %q in %s", what, found, text)
			}
		}
		if reply.Run != nil {
			reply.Errors = append(reply.Errors, reply.Run.Errors...)
		}
		for _, e := range reply.Errors {
			if found := insides.FindString(e.Message + e.Hint); found != "" {
				t.Errorf("%s: %q in %s | %s", what, found, e.Message, e.Hint)
			}
		}
	}
	for _, e := range api.Endpoints {
		if e.Name == "auth.rekey" || e.Name == "db.prune" {
			continue // an empty request is a valid one with effects
		}
		for _, body := range wrongBodies {
			check(e.Name+" "+body, b.request(e.Name, body, nil))
		}
		valid := map[string]string{"provider": `"michelin"`, "account": `"detroit"`, "order_id": `"SO1"`, "kind": `"check"`, "run_id": `"R"`, "job_id": `"J"`, "name": `"N"`}
		for f := range reflect.TypeOf(e.Request).Fields() {
			member, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			for _, v := range wrongValues {
				fields := []string{fmt.Sprintf("%q: %s", member, v)}
				for _, name := range e.Required {
					if name != member {
						fields = append(fields, fmt.Sprintf("%q: %s", name, valid[name]))
					}
				}
				body := "{" + strings.Join(fields, ", ") + "}"
				check(e.Name+" "+body, b.request(e.Name, body, nil))
			}
		}
	}
	for kind, k := range jobs.Kinds {
		bodies := []string{`x`, `[]`, `"x"`, `{"x": 1}`}
		if k.Params != nil {
			for _, f := range reflect.VisibleFields(reflect.TypeOf(k.Params)) {
				if member := f.Tag.Get("json"); member != "" {
					for _, v := range wrongValues {
						bodies = append(bodies, fmt.Sprintf(`{%q: %s}`, member, v))
					}
				}
			}
		}
		for _, params := range bodies {
			if json.Valid([]byte(params)) {
				body := fmt.Sprintf(`{"provider": "michelin", "kind": %q, "params": %s}`, kind, params)
				check("runs.start "+body, b.request("runs.start", body, nil))
			}
			b.publish("orderbeat.runs.michelin."+kind, params, nil)
		}
	}
	for _, member := range []string{"accounts", "priority"} {
		for _, v := range wrongValues {
			b.publish("orderbeat.runs.michelin.check", fmt.Sprintf(`{%q: %s}`, member, v), nil)
		}
	}
	for _, body := range wrongBodies {
		b.publish("orderbeat.runs.michelin.check", body, nil)
	}
	b.settled()
	for _, msg := range b.messages("ORDERBEAT_RESULTS", "orderbeat.results.>", b.count("ORDERBEAT_RESULTS")) {
		check("result "+string(msg.Data()), &nats.Msg{Data: msg.Data()})
	}
	timed := b.request("runs.start", `{"provider": "michelin", "kind": "sync", "wait": true}`, nats.Header{"Orderbeat-Timeout": {"1ns"}})
	check("a deadline that has passed", timed)
	for _, v := range []string{"x", "5", "-1s", "1e9s", ""} {
		check("Orderbeat-Timeout "+v, b.request("orders.list", `{}`, nats.Header{"Orderbeat-Timeout": {v}}))
	}
}
