package main // an inside test: a main package cannot be imported

import (
	"encoding/json"
	"strings"
	"testing"

	"orderbeat/clients"
	"orderbeat/db/outbox"
	"orderbeat/jobs"
)

// TestDocumentsEndToEnd requests despatches before their orders are known and invoices after,
// and follows both to their events.
func TestDocumentsEndToEnd(t *testing.T) {
	t.Parallel()
	config := shipped(t, t.TempDir(), "@every 1h")
	replace(t, config, "at_start = true ", "at_start = false")
	replace(t, config, `day    = "20s"`, `day    = "24h"`)
	p := startHere(t, config)

	p.publish("orderbeat.runs.michelin.despatch", "")
	early := p.results(1)[0]
	if early.State != jobs.Succeeded || early.Orders != (jobs.Tally{}) || p.count("despatch_advices") == 0 {
		t.Fatalf("got %+v, want advices of orders that are not known", early)
	}
	p.publish("orderbeat.runs.michelin.sync", `{"lookback":"90d"}`)
	synced := p.results(2)[1]
	p.publish("orderbeat.runs.michelin.invoice", `{"lookback":"29d"}`)
	invoiced := p.results(3)[2]
	if synced.State != jobs.Succeeded || invoiced.State != jobs.Succeeded || invoiced.Orders.Changed == 0 {
		t.Fatalf("got %+v and %+v, want orders, and invoices of them", synced, invoiced)
	}
	told := p.documentsInStep(p.events(p.count("order_events")))
	if told[outbox.TypeOrderCreated] != synced.Orders.Created || told[outbox.TypeOrderDespatched] == 0 || told[outbox.TypeOrderInvoiced] < invoiced.Orders.Changed {
		t.Errorf("got events %v, want each order created, some despatched, %d invoiced", told, invoiced.Orders.Changed)
	}

	// A second sync changes nothing.
	p.publish("orderbeat.runs.michelin.despatch", `{"lookback":"4d"}`)
	if again := p.results(4)[3].Orders; again.Changed != 0 || again.Unchanged == 0 {
		t.Errorf("got %+v, want nothing changed", again)
	}
	// A remap of all recorded responses changes nothing.
	events := p.count("order_events")
	p.request("exchanges.remap", `{"provider":"michelin"}`)
	if again := p.results(5)[4]; again.State != jobs.Succeeded || again.Orders.Created+again.Orders.Changed != 0 || again.Jobs.Total < 4 || p.count("order_events") != events {
		t.Errorf("got %+v, want nothing changed", again)
	}
	p.showsDocuments()
}

// documentsInStep checks that events have consecutive revisions of their orders, and that
// document events have one document; it counts the types.
func (p *program) documentsInStep(events []outbox.EventBody) map[string]int {
	p.t.Helper()
	last, told := map[string]outbox.EventBody{}, map[string]int{}
	for i, msg := range p.fetch("ORDERBEAT_ORDERS", len(events)) {
		e, kind := events[i], msg.Headers().Get("ce-type")
		told[kind]++
		before := last[e.Account+"/"+e.OrderID]
		last[e.Account+"/"+e.OrderID] = e
		if e.Revision != before.Revision+1 {
			p.t.Errorf("%s: revision %d follows %d", e.OrderID, e.Revision, before.Revision)
		}
		switch kind {
		case outbox.TypeOrderDespatched:
			var a clients.Advice
			p.decode(e.DespatchAdvice, &a)
			if a.Carrier == "" || string(e.Order) != string(before.Order) || !strings.Contains(string(e.Changes), "despatch_advices/"+a.AdviceID) {
				p.t.Errorf("got %s of %s, want an advice and the order as it was", kind, e.OrderID)
			}
		case outbox.TypeOrderInvoiced:
			var i clients.Invoice
			p.decode(e.Invoice, &i)
			if i.TotalAmount == "" || e.DespatchAdvice != nil || string(e.PreviousStatus) != string(e.Status) {
				p.t.Errorf("got %s of %s, want an invoice, and its status", kind, e.OrderID)
			}
		}
	}
	return told
}

// showsDocuments checks one invoiced order by the NATS API and by the command.
func (p *program) showsDocuments() {
	p.t.Helper()
	var account, id string
	err := openFile(p.t, p.config).QueryRow(`SELECT account, order_id FROM order_documents WHERE revision IS NOT NULL
		GROUP BY account, order_id HAVING count(DISTINCT kind) = 2 LIMIT 1`).Scan(&account, &id)
	if err != nil {
		p.t.Fatal(err)
	}
	var reply struct{ Events []outbox.Event }
	p.decode(p.request("orders.history", `{"provider":"michelin","account":"`+account+`","order_id":"`+id+`"}`), &reply)
	if last := reply.Events[len(reply.Events)-1]; last.Type != outbox.TypeOrderInvoiced || !json.Valid(last.Invoice) {
		p.t.Errorf("got %+v, want the invoice as the last event", last)
	}
	shown := do(p.t, "order", id, "--account", account, "--config", p.config).stdout
	for _, want := range []string{"SHIPMENT ", "CARRIER ", "INVOICE ", "despatch advice BOL", "USD, due "} {
		if !strings.Contains(shown, want) {
			p.t.Errorf("there is no %q in\n%s", want, shown)
		}
	}
}
