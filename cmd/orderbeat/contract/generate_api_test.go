package contract

import (
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/invopop/jsonschema"

	"orderbeat/auth"
	"orderbeat/auth/endpoint"
	"orderbeat/clients"
	"orderbeat/db/outbox"
	"orderbeat/db/retention"
	"orderbeat/db/runs"
	"orderbeat/db/schedules"
	"orderbeat/docs"
	"orderbeat/jobs"
	"orderbeat/worker/api"
)

// ErrorAnchor and RunRequestAnchor are the anchors of error replies and of the body of a message on
// a runs subject.
const (
	ErrorAnchor      = "error"
	RunRequestAnchor = "run.request"
)

// apiNames are the definitions of the API whose name is not that of the Go type.
var apiNames = map[reflect.Type]string{
	reflect.TypeFor[auth.Status]():           "CredentialStatus",
	reflect.TypeFor[auth.State]():            "CredentialState",
	reflect.TypeFor[auth.Failure]():          "CredentialFailure",
	reflect.TypeFor[endpoint.Class]():        "CredentialFailureClass",
	reflect.TypeFor[endpoint.Expiry]():       "ExpirySource",
	reflect.TypeFor[runs.JobRow]():           "Job",
	reflect.TypeFor[schedules.Pause]():       "SchedulePause",
	reflect.TypeFor[retention.Pruned]():      "PrunedRows",
	reflect.TypeFor[clients.BreakerStatus](): "Breaker",
}

// API returns docs/schemas/api.json: the requests and replies of the request/reply service, and the
// body of a run request.
func API(root string) []byte {
	s := newAPI(root)
	return s.document(&jsonschema.Schema{
		ID: docs.APISchema, Title: "Requests and replies of orderbeat.api.*, and run requests",
		Description: "The request of an endpoint is the definition with the anchor <endpoint>.request, its reply <endpoint>.reply, an error reply " + ErrorAnchor +
			". The body of a message to orderbeat.runs.<provider>.<kind> is " + RunRequestAnchor + ". Orderbeat rejects requests with members that it does not know. " + open,
	})
}

func newAPI(root string) *schemas {
	names := maps.Clone(apiNames)
	for _, e := range api.Endpoints {
		for _, v := range append([]any{e.Request}, e.Replies...) {
			names[reflect.TypeOf(v)] = topLevel + reflect.TypeOf(v).Name()
		}
	}
	s := newSchemas(newSource(root), "json", names)
	s.define(clients.Order{})
	s.orderEvents()
	for _, m := range messages {
		delete(s.defs, m.def)
	}
	s.params()
	for _, e := range api.Endpoints {
		s.request(e)
		s.reply(e)
	}
	s.apiDetails()
	s.runRequest()
	s.define(api.ErrorReply{}).Anchor = ErrorAnchor
	set(s.defs["Error"], "code", ref("ErrorCode"))
	s.defs["ErrorCode"] = enumOf("Why a request failed.", append(slices.Clone(s.source.of(reflect.TypeFor[clients.Code]().PkgPath()).values["Code"]), errorCodes...))
	for name := range s.defs {
		if strings.HasPrefix(name, topLevel) {
			delete(s.defs, name)
		}
	}
	return s
}

// topLevel begins the provisional names of requests and replies.
const topLevel = "api:"

// definition is the name of an endpoint's definitions: "OrdersGet".
func definition(endpoint string) string {
	var name strings.Builder
	for w := range strings.SplitSeq(endpoint, ".") {
		name.WriteString(strings.ToUpper(w[:1]) + w[1:])
	}
	return name.String()
}

// request defines an endpoint's request: a closed object, as the service decodes it strictly.
func (s *schemas) request(e api.Endpoint) {
	def := clone(s.define(e.Request))
	def.Anchor, def.Required, def.AdditionalProperties = e.Name+".request", e.Required, jsonschema.FalseSchema
	if def.Description == "" {
		def.Description = "An empty object, or an empty body."
	}
	if limit, ok := def.Properties.Get("limit"); ok {
		limit.Minimum = "0"
	}
	s.defs[definition(e.Name)+"Request"] = def
}

// reply defines an endpoint's reply.
func (s *schemas) reply(e api.Endpoint) {
	name := definition(e.Name) + "Reply"
	var all []*jsonschema.Schema
	for _, r := range e.Replies {
		all = append(all, clone(s.define(r)))
	}
	def := all[0]
	if len(all) > 1 {
		def = &jsonschema.Schema{AnyOf: all}
	}
	def.Anchor = e.Name + ".reply"
	s.defs[name] = def
}

// apiDetails narrows what the Go types leave open.
func (s *schemas) apiDetails() {
	restrict(s.defs["Run"], "state", jobs.RunStates...)
	restrict(s.defs["Job"], "state", jobs.JobStates...)
	set(s.defs["Run"], "params", &jsonschema.Schema{Type: "object"})
	set(s.defs["OrdersGetReply"], "order", ref("Order"))
	restrict(s.defs["OrdersGetReply"], "source", "stored", "live")
	set(s.defs["OrdersListRequest"], "status", ref("Status"))
	set(s.defs["ListedOrder"], "lines", nullable(array("Line")))
	restrict(s.defs["RunsListRequest"], "state", jobs.ListedRunStates...)
	restrict(s.defs["ListedRun"], "state", jobs.RunStates...)
	set(s.defs["ListedRun"], "params", &jsonschema.Schema{Type: "object"})
	restrict(s.defs["JobsListRequest"], "state", jobs.JobStates...)
	restrict(s.defs["ListedJob"], "state", jobs.JobStates...)
	restrict(s.defs["JobsRetryRequest"], "state", runs.RetryStates...)
	restrict(s.defs["Tick"], "outcome", "started", "skipped", "missed", "caught_up")
	event := s.defs["ListedEvent"]
	set(event, "changes", nullable(array("Change")))
	set(event, "order", nullable(ref("Order")))
	set(event, "despatch_advice", ref("Advice"))
	set(event, "invoice", ref("Invoice"))
	restrict(event, "type", outbox.TypeOrderCreated, outbox.TypeOrderChanged, outbox.TypeOrderDespatched, outbox.TypeOrderInvoiced)
	optional(s.defs["Introspection"], "active")
	delete(s.defs, "State")
	start := s.defs["RunsStartRequest"]
	restrict(start, "kind", slices.Sorted(maps.Keys(jobs.Kinds))...)
	params := &jsonschema.Schema{}
	for _, name := range paramsNames() {
		params.AnyOf = append(params.AnyOf, ref(name))
	}
	set(start, "params", params)
}

// paramsName is the definition of a kind's params, "" if it has none.
func paramsName(kind string) string {
	p := jobs.Kinds[kind].Params
	if p == nil {
		return ""
	}
	name := reflect.TypeOf(p).Name()
	return strings.ToUpper(name[:1]) + name[1:]
}

// paramsNames are the definitions of params, sorted.
func paramsNames() (names []string) {
	for kind := range jobs.Kinds {
		if name := paramsName(kind); name != "" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// params defines the params of all kinds: closed objects without required members.
func (s *schemas) params() {
	for _, kind := range jobs.Kinds {
		if kind.Params == nil {
			continue
		}
		t := reflect.TypeOf(kind.Params)
		name := strings.ToUpper(t.Name()[:1]) + t.Name()[1:]
		s.names[t] = name
		def := s.define(kind.Params)
		def.Required, def.AdditionalProperties = nil, jsonschema.FalseSchema
		for _, day := range []string{"from", "to"} {
			if p, ok := def.Properties.Get(day); ok {
				def.Properties.Set(day, &jsonschema.Schema{Type: "string", Format: "date", Description: p.Description})
			}
		}
		if _, ok := def.Properties.Get("order"); ok {
			restrict(def, "order", "oldest", "newest")
		}
	}
}

// runRequest defines the body of a message on a runs subject: the params of any kind, and those of
// the request.
func (s *schemas) runRequest() {
	def := &jsonschema.Schema{
		Type: "object", Anchor: RunRequestAnchor, Properties: jsonschema.NewProperties(), AdditionalProperties: jsonschema.FalseSchema,
		Description: "The body of a message to orderbeat.runs.<provider>.<kind>: the params of the kind, accounts and priority, or nothing.",
	}
	start := s.defs["RunsStartRequest"]
	for _, key := range []string{"accounts", "priority"} {
		p, _ := start.Properties.Get(key)
		def.Properties.Set(key, p)
	}
	kinds := map[string][]string{}
	for _, kind := range slices.Sorted(maps.Keys(jobs.Kinds)) {
		name := paramsName(kind)
		if name == "" {
			continue
		}
		for key := range s.defs[name].Properties.FromOldest() {
			kinds[key] = append(kinds[key], kind)
		}
	}
	for _, name := range paramsNames() {
		for key, p := range s.defs[name].Properties.FromOldest() {
			if _, ok := def.Properties.Get(key); ok {
				continue
			}
			own := *p
			own.Description = "Of " + strings.Join(kinds[key], ", ") + ". " + p.Description
			def.Properties.Set(key, &own)
		}
	}
	s.defs["RunRequest"] = def
}
