package contract

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/invopop/jsonschema"
	"go.yaml.in/yaml/v3"

	"orderbeat/docs"
	"orderbeat/worker/api"
)

// object is a JSON object.
type object = map[string]any

// Example is an example of a message: of an event by its anchor, of an endpoint's request or reply by
// "<endpoint>.request" and "<endpoint>.reply".
type Example struct {
	Name    string          `json:"name"`
	Headers json.RawMessage `json:"headers,omitempty"`
	Payload json.RawMessage `json:"payload"`
}

// AsyncAPI returns docs/asyncapi.yaml: the subjects with their messages.
func AsyncAPI(root string, examples map[string][]Example) []byte {
	events := newSchemas(newSource(root), "json", eventNames())
	events.events()
	s := newAPI(root)
	maps.Copy(s.defs, events.defs)
	a := &asyncAPI{examples: examples, messages: object{"Error": s.messageOf("Error reply", "ErrorReply", nil)}, channels: object{}, operations: object{}}
	a.published(s)
	a.runs(s)
	a.endpoints(s)
	doc := object{
		"asyncapi":           "3.0.0",
		"info":               object{"title": "Orderbeat", "version": "1", "description": asyncAPIAbout},
		"defaultContentType": "application/json",
		"servers": object{"nats": object{
			"host": "127.0.0.1:4222", "protocol": "nats",
			"description": "The embedded NATS. Its password is in the file nats-password next to worker.key; \"orderbeat env\" prints the settings for clients. With nats.url: that server.",
		}},
		"channels":   a.channels,
		"operations": a.operations,
		"components": object{"messages": a.messages, "schemas": s.components(), "messageTraits": object{"cloudEvent": object{"headers": cloudEventHeaders()}}},
	}
	return yamlOf(doc)
}

const asyncAPIAbout = `Orderbeat syncs order status from supplier APIs and publishes changes to NATS. ` +
	`Subjects begin with nats.prefix (orderbeat). Tokens made from data are percent-encoded, upper-case, byte by byte, except for ASCII letters, digits, "-" and "_". ` +
	`Operations are from Orderbeat's point of view: it sends events, and receives requests. docs/nats-api.md explains delivery, deduplication, replays and deadlines. ` + open

// asyncAPI collects the parts of the document.
type asyncAPI struct {
	examples                       map[string][]Example
	messages, channels, operations object
}

// published adds the streams that Orderbeat publishes to.
func (a *asyncAPI) published(s *schemas) {
	for _, c := range []struct {
		name, address, stream, about string
		parameters                   object
	}{
		{"orders", "orderbeat.orders.{provider}.{account}.{order}", "ORDERBEAT_ORDERS", "The events of orders, in order for each order. Retained for 400 days.", parameters("provider", "account", "order")},
		{"results", "orderbeat.results.{provider}.{run}", "ORDERBEAT_RESULTS", "The results of runs, after the order events of the run. Retained for 7 days.", parameters("provider", "run")},
		{"alerts", "orderbeat.alerts.{provider}.{code}", "ORDERBEAT_ALERTS", "Alerts, once when they are raised and once when they are resolved. Retained for 30 days.", parameters("provider", "code")},
	} {
		list := object{}
		var refs []any
		for _, m := range messages {
			if channelOf(m) != c.name {
				continue
			}
			message := s.messageOf(m.kind, m.def, a.examples[m.anchor()])
			message["traits"] = []any{object{"$ref": "#/components/messageTraits/cloudEvent"}}
			a.messages[m.def] = message
			list[m.def] = object{"$ref": "#/components/messages/" + m.def}
			refs = append(refs, object{"$ref": "#/channels/" + c.name + "/messages/" + m.def})
		}
		a.channels[c.name] = object{"address": c.address, "title": "Stream " + c.stream, "description": c.about, "parameters": c.parameters, "messages": list}
		a.operations["publish-"+c.name] = object{"action": "send", "channel": object{"$ref": "#/channels/" + c.name}, "messages": refs}
	}
}

func channelOf(m message) string {
	return map[string]string{"order": "orders", "run": "results", "alert": "alerts"}[strings.Split(m.anchor(), ".")[0]]
}

// runs adds the subjects where others start runs.
func (a *asyncAPI) runs(s *schemas) {
	m := s.messageOf("A run request", "RunRequest", a.examples[RunRequestAnchor])
	m["description"] = "Prefer runs.start: a message on a subject that no provider or kind has gets no reply. The body may be empty."
	m["headers"] = object{"type": "object", "properties": object{
		"Nats-Msg-Id":        object{"type": "string", "description": "Makes the request idempotent, for as long as the run is retained."},
		"Orderbeat-Reply-To": object{"type": "string", "description": "A subject that also receives the result."},
	}}
	a.messages["RunRequest"] = m
	a.channels["runs"] = object{
		"address": "orderbeat.runs.{provider}.{kind}", "title": "Stream ORDERBEAT_RUNS", "description": "A work queue of run requests.",
		"parameters": parameters("provider", "kind"), "messages": object{"RunRequest": object{"$ref": "#/components/messages/RunRequest"}},
	}
	a.operations["receive-runs"] = object{"action": "receive", "channel": object{"$ref": "#/channels/runs"}}
}

// endpoints adds the request/reply service.
func (a *asyncAPI) endpoints(s *schemas) {
	replies := object{"Error": object{"$ref": "#/components/messages/Error"}}
	for _, e := range api.Endpoints {
		name := definition(e.Name)
		request := s.messageOf(e.Name+" request", name+"Request", a.examples[e.Name+".request"])
		request["headers"] = object{"$ref": "#/components/schemas/RequestHeaders"}
		a.messages[name+"Request"] = request
		a.messages[name+"Reply"] = s.messageOf(e.Name+" reply", name+"Reply", a.examples[e.Name+".reply"])
		replies[name+"Reply"] = object{"$ref": "#/components/messages/" + name + "Reply"}
		a.channels[e.Name] = object{
			"address": "orderbeat.api." + e.Name, "description": strings.ToUpper(e.About[:1]) + e.About[1:] + ".",
			"messages": object{"request": object{"$ref": "#/components/messages/" + name + "Request"}},
		}
		a.operations[e.Name] = object{
			"action": "receive", "summary": e.About, "channel": object{"$ref": "#/channels/" + e.Name},
			"reply": object{
				"channel":  object{"$ref": "#/channels/reply"},
				"messages": []any{object{"$ref": "#/channels/reply/messages/" + name + "Reply"}, object{"$ref": "#/channels/reply/messages/Error"}},
			},
		}
	}
	a.messages["Error"].(object)["headers"] = object{"type": "object", "properties": object{
		"Nats-Service-Error-Code": object{"type": "string", "enum": []any{"400", "404", "409", "429", "500", "503", "504"}},
		"Nats-Service-Error":      object{"type": "string"},
	}}
	a.messages["Error"].(object)["examples"] = examplesOf(a.examples[ErrorAnchor])
	s.defs["RequestHeaders"] = &jsonschema.Schema{Type: "object", Properties: jsonschema.NewProperties()}
	s.defs["RequestHeaders"].Properties.Set("Orderbeat-Timeout", &jsonschema.Schema{Type: "string", Description: "The deadline of the request, such as \"5s\": 30s by default, at most 10m."})
	s.defs["RequestHeaders"].Properties.Set("traceparent", &jsonschema.Schema{Type: "string", Description: "W3C trace context of the caller."})
	a.channels["reply"] = object{"address": nil, "description": "The reply subject of a request.", "messages": replies}
}

// messageOf is a message whose payload is a definition.
func (s *schemas) messageOf(title, def string, examples []Example) object {
	m := object{"name": def, "title": title, "payload": object{"$ref": "#/components/schemas/" + def}}
	if d := s.defs[def]; d != nil && d.Description != "" {
		m["summary"], _, _ = strings.Cut(d.Description, "\n")
	}
	if len(examples) > 0 {
		m["examples"] = examplesOf(examples)
	}
	return m
}

func examplesOf(list []Example) (all []any) {
	for _, e := range list {
		one := object{"name": e.Name, "payload": e.Payload}
		if len(e.Headers) > 0 {
			one["headers"] = e.Headers
		}
		all = append(all, one)
	}
	return all
}

func parameters(names ...string) object {
	about := map[string]string{
		"provider": "The name of the provider.", "account": "The name of the account.", "order": "The provider's order number.",
		"run": "The id of the run.", "code": "The code of the alert.", "kind": "The kind of run.",
	}
	all := object{}
	for _, name := range names {
		all[name] = object{"description": about[name]}
	}
	return all
}

// cloudEventHeaders are the headers of published messages.
func cloudEventHeaders() object {
	text := func(about string) object { return object{"type": "string", "description": about} }
	return object{
		"type": "object",
		"properties": object{
			"ce-id":              text("Identifies the event, also in replays: remember it to drop duplicates."),
			"ce-type":            text("The type of the message, such as orderbeat.order.changed.v1."),
			"ce-source":          text("/orderbeat/<provider>"),
			"ce-subject":         text("<account>/<order> of an order event."),
			"ce-time":            text("When it was observed, RFC 3339."),
			"ce-specversion":     object{"type": "string", "const": "1.0"},
			"ce-datacontenttype": object{"type": "string", "const": "application/json"},
			"ce-dataschema":      text("The schema of the body: " + docs.EventsSchema + "#<anchor>."),
			"Nats-Msg-Id":        text("The ce-id; in a replay <ce-id>.replay.<replay_id>."),
			"Orderbeat-Replay":   text("The id of the replay. Absent when an event is published for the first time."),
			"Orderbeat-Document": text("The object with the whole body of a truncated order event, in the object store ORDERBEAT_DOCUMENTS."),
			"traceparent":        text("W3C trace context of the run."),
		},
		"required": []any{"ce-id", "ce-type", "ce-source", "ce-subject", "ce-time", "ce-specversion", "ce-datacontenttype", "ce-dataschema", "Nats-Msg-Id"},
	}
}

// components are the definitions in the form of AsyncAPI, which is JSON Schema draft 7: without
// anchors, and with nothing beside a reference.
func (s *schemas) components() object {
	all := object{}
	for name, def := range s.defs {
		var v any
		if err := json.Unmarshal(bytes.ReplaceAll(indented(def), []byte(refPrefix), []byte("#/components/schemas/")), &v); err != nil {
			panic(err)
		}
		all[name] = draft7(v)
	}
	return all
}

func draft7(v any) any {
	switch v := v.(type) {
	case object:
		delete(v, "$anchor")
		for key := range v {
			v[key] = draft7(v[key])
		}
		if ref, ok := v["$ref"].(string); ok && len(v) > 1 {
			delete(v, "$ref")
			v["allOf"] = []any{object{"$ref": ref}}
		}
	case []any:
		for i := range v {
			v[i] = draft7(v[i])
		}
	}
	return v
}

// yamlOf writes a document with its top members first, and the others sorted.
func yamlOf(doc object) []byte {
	var node yaml.Node
	if err := yaml.Unmarshal(indented(doc), &node); err != nil {
		panic(err)
	}
	block(&node)
	first := []string{"asyncapi", "info", "defaultContentType", "servers", "channels", "operations", "components"}
	top := node.Content[0]
	pairs := slices.Collect(slices.Chunk(top.Content, 2))
	slices.SortFunc(pairs, func(a, b []*yaml.Node) int {
		return slices.Index(first, a[0].Value) - slices.Index(first, b[0].Value)
	})
	top.Content = slices.Concat(pairs...)
	var b bytes.Buffer
	fmt.Fprintln(&b, "# Generated from the code: go test ./cmd/orderbeat/contract -update")
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	if err := enc.Encode(&node); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// block writes collections in lines, and quotes texts where YAML needs it. Short lists stay in one
// line.
func block(n *yaml.Node) {
	plain := n.Kind == yaml.SequenceNode && len(n.Content) > 0 && len(n.Content) <= 12
	for _, c := range n.Content {
		block(c)
		plain = plain && c.Kind == yaml.ScalarNode && len(c.Value) < 30
	}
	n.Style = 0
	if plain {
		n.Style = yaml.FlowStyle
	}
	if n.Kind == yaml.ScalarNode && n.Tag == "!!str" && strings.Contains(n.Value, "\n") {
		n.Style = yaml.LiteralStyle
	}
}
