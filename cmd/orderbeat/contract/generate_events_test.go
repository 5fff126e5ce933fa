package contract

import (
	"reflect"
	"slices"
	"strings"

	"github.com/invopop/jsonschema"

	"orderbeat/clients"
	"orderbeat/db/alerts"
	"orderbeat/db/orders"
	"orderbeat/db/outbox"
	"orderbeat/docs"
	"orderbeat/jobs"
)

// EventsID is the URI of the schemas of published messages. The header ce-dataschema is this URI
// with the anchor of the message, such as "#order.changed".
const EventsID = docs.EventsSchema

// open says what a consumer must do with what a schema does not list.
const open = "Consumers ignore members that they do not know, and accept values of enums that they do not know: within v1 both may be added. Members that are required stay so."

// message is one type of published message.
type message struct {
	kind string // the CloudEvents type
	def  string
}

// anchor is the anchor of a message in its document.
func (m message) anchor() string {
	return strings.TrimSuffix(strings.TrimPrefix(m.kind, "orderbeat."), ".v1")
}

// messages lists the types of messages.
var messages = []message{
	{outbox.TypeOrderCreated, "OrderCreated"},
	{outbox.TypeOrderChanged, "OrderChanged"},
	{outbox.TypeOrderDespatched, "OrderDespatched"},
	{outbox.TypeOrderInvoiced, "OrderInvoiced"},
	{outbox.TypeOrderLate, "OrderLate"},
	{outbox.TypeOrderVanished, "OrderVanished"},
	{outbox.TypeRunFinished, "RunFinished"},
	{outbox.TypeAlertRaised, "AlertRaised"},
	{outbox.TypeAlertResolved, "AlertResolved"},
}

// Events returns docs/schemas/events.json: the messages that Orderbeat publishes.
func Events(root string) []byte {
	s := newSchemas(newSource(root), "json", eventNames())
	s.events()
	doc := &jsonschema.Schema{ID: EventsID, Title: "Messages that Orderbeat publishes", Description: open}
	for _, m := range messages {
		s.defs[m.def].Anchor = m.anchor()
		doc.AnyOf = append(doc.AnyOf, ref(m.def))
	}
	return s.document(doc)
}

func eventNames() map[reflect.Type]string {
	return map[reflect.Type]string{
		reflect.TypeFor[orders.LateBody](): "OrderLate", reflect.TypeFor[orders.VanishedBody](): "OrderVanished", reflect.TypeFor[jobs.Run](): "RunFinished",
	}
}

// events defines the messages.
func (s *schemas) events() {
	s.orderEvents()
	late := s.define(orders.LateBody{})
	set(late, "order", ref("Order"))
	truncatable(late, []string{"late_lines"}, "order")
	vanished := s.define(orders.VanishedBody{})
	set(vanished, "order", ref("Order"))
	truncatable(vanished, nil, "order")
	run := s.define(jobs.Run{})
	restrict(run, "state", slices.DeleteFunc(slices.Clone(jobs.RunStates), func(st jobs.State) bool { return !st.Ended() })...)
	set(run, "params", &jsonschema.Schema{Type: "object"})
	without(run, "paused_at")
	alert := s.define(alerts.Alert{})
	for name, state := range map[string]string{"AlertRaised": alerts.AlertRaised, "AlertResolved": alerts.AlertResolved} {
		c := clone(alert)
		set(c, "state", &jsonschema.Schema{Const: state})
		set(c, "code", ref("AlertCode"))
		restrict(c, "kind", "despatch", "invoice", "check")
		s.defs[name] = c
	}
	delete(s.defs, "Alert")
	delete(s.defs, "State")
	s.defs["AlertCode"] = enumOf("What an alert is about. It is resolved when that has ended.", alertCodes)
}

// orderEvents defines the revisions of an order: one Go type, four types of messages.
func (s *schemas) orderEvents() {
	s.define(clients.Order{})
	s.define(clients.Advice{})
	s.define(clients.Invoice{})
	change := s.define(clients.Change{})
	value := &jsonschema.Schema{AnyOf: []*jsonschema.Schema{
		{Type: "null"}, {Type: "string"}, {Type: "integer"}, ref("Line"), array("ScheduleLine"), array("Despatch"), ref("Advice"), ref("Invoice"),
	}}
	set(change, "before", value)
	after := *value
	set(change, "after", &after)
	body := s.define(outbox.EventBody{})
	delete(s.defs, "EventBody")
	set(body, "changes", array("Change"))
	set(body, "order", ref("Order"))
	set(body, "despatch_advice", ref("Advice"))
	set(body, "invoice", ref("Invoice"))
	truncatable(body, []string{"changes"}, "order")
	for name, own := range map[string]string{"OrderCreated": "", "OrderChanged": "", "OrderDespatched": "despatch_advice", "OrderInvoiced": "invoice"} {
		def := clone(body)
		for _, document := range []string{"despatch_advice", "invoice"} {
			if document != own {
				without(def, document)
			}
		}
		if own != "" {
			p, _ := def.Properties.Get(own)
			p.Description += absent
		}
		s.defs[name] = def
	}
	none := uint64(0)
	created := s.defs["OrderCreated"]
	set(created, "previous_status", &jsonschema.Schema{Type: "null"})
	changes, _ := created.Properties.Get("changes")
	changes.MaxItems = &none
	created.Description = "A new order. Its changes are empty."
	created.Else = &jsonschema.Schema{Required: []string{"changes", "order"}}
	order, _ := created.Properties.Get("order")
	order.Description = strings.TrimSuffix(order.Description, absent)
	s.defs["OrderChanged"].Description = "An order differs from its previous revision."
	s.defs["OrderDespatched"].Description = "A despatch advice of the order is new or has changed."
	s.defs["OrderInvoiced"].Description = "An invoice of the order is new or has changed."
}

// absent is added to the descriptions of members that the option events.body leaves out.
const absent = " Absent with events.body = \"changes\"."

// truncatable makes members optional that are absent if a message was too large, and those that are
// also absent with events.body = "changes".
func truncatable(def *jsonschema.Schema, keys []string, also ...string) {
	optional(def, append(slices.Clone(keys), also...)...)
	for _, key := range also {
		p, _ := def.Properties.Get(key)
		p.Description += absent
	}
	def.Properties.Set("truncated", &jsonschema.Schema{
		Const:       true,
		Description: "Present if the message was too large for NATS: first the order is absent, then the changes and documents. The header Orderbeat-Document names the object with the whole message.",
	})
	is := jsonschema.NewProperties()
	is.Set("truncated", &jsonschema.Schema{Const: true})
	if len(keys) == 0 {
		return
	}
	def.If = &jsonschema.Schema{Properties: is, Required: []string{"truncated"}}
	def.Then = jsonschema.TrueSchema
	def.Else = &jsonschema.Schema{Required: keys}
}
