package michelin

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"orderbeat/clients"
	"orderbeat/clients/memory"
)

const (
	desadvPath      = "/desadv/amn/C1_0/desadv"
	desadvOperation = "despatch advice"
)

// desadvRequest is EDIWheel-C1_0-DesadvRequest. Only the OpenAPI describes it, so there is one
// format.
type desadvRequest struct {
	DocumentID string       `json:"documentID"`
	Variant    string       `json:"variant"`
	From       clients.Date `json:"despatchFromDate"`
	To         clients.Date `json:"despatchToDate"`
	BuyerParty party        `json:"buyerParty"`
	Consignee  *party       `json:"consignee,omitempty"`
}

// Advices implements [clients.DespatchSource].
func (c *Client) Advices(ctx context.Context, q clients.Query) (answer clients.Answer, err error) {
	if err := c.needsWindow(desadvOperation, q); err != nil {
		return clients.Answer{}, err
	}
	body, err := json.Marshal(desadvRequest{
		DocumentID: documentID, Variant: "0", From: q.From, To: q.To, BuyerParty: buyer(q.Account), Consignee: c.consignee(q.Account),
	})
	if err != nil {
		return clients.Answer{}, err
	}
	err = c.post(ctx, q.Account, desadvOperation, desadvPath, body, func(body io.Reader) (err error) {
		answer, err = decodeAdvices(memory.NewMeter(ctx), body, c.name, q.Account.Name)
		return err
	})
	return answer, err
}

// needsWindow rejects a query for documents without a date range.
func (c *Client) needsWindow(op string, q clients.Query) error {
	if q.From != "" && q.To != "" {
		return nil
	}
	return &clients.Error{Provider: c.name, Op: op, Code: clients.CodeInvalid, Message: "a date range is required"}
}

// agencyOfSeller is the agencyCode of numbers assigned by the seller.
const agencyOfSeller = "91"

func buyer(a clients.Account) party { return party{PartyID: a.BillTo, AgencyCode: agencyOfSeller} }

// consignee is the account's ship-to if it has one; otherwise the response covers the whole bill-to.
func (c *Client) consignee(a clients.Account) *party {
	if !c.profile.consignee {
		return nil
	}
	return &party{PartyID: a.ShipTo, AgencyCode: agencyOfSeller}
}

// adviceFormat is EDIWheel-C1_0-DesadvResponse. An error response has neither messageType nor desadv.
var adviceFormat = format{
	what: "an EDIWheel C1 despatch advice", list: "desadv", counted: true, enveloped: true,
	ids: map[string]string{"documentID": documentID, "messageType": "desadv"}, proof: "messageType",
}

// decodeAdvices reads a response advice by advice, and merges entries of the same number.
func decodeAdvices(meter *memory.Meter, body io.Reader, provider, account string) (clients.Answer, error) {
	d, all := newReader(meter, body, adviceFormat), newDocuments(advices)
	m, w := &d.mapper, &wireAdvice{} // reused for every entry
	err := d.read(func(entry jsontext.Value) error {
		if err := d.begin(entry, w); err != nil {
			return err
		}
		a := all.next()
		a.Provider, a.Account = provider, account
		trouble := m.advice(w, a)
		all.add(m, trouble, &d.answer, func(into *clients.Advice) {
			later(m, &into.IssuedOn, a.IssuedOn, w.IssueDate.at)
			later(m, &into.DespatchedOn, a.DespatchedOn, w.DespatchDate.at)
			later(m, &into.ExpectedOn, a.ExpectedOn, w.ArrivalDate.at)
			later(m, &into.Quantity, a.Quantity, w.Total.at)
			keep(&into.Carrier, a.Carrier)
			keep(&into.ShipTo, a.ShipTo)
			into.Tracking = append(into.Tracking, a.Tracking...)
		})
		return nil
	})
	if err != nil {
		return clients.Answer{}, err
	}
	d.answer.Advices = all.done((*clients.Advice).Normalize)
	return d.answer, nil
}

// documentProblem returns a problem of a document, not of an order.
func documentProblem(kind, id, message string) clients.Problem {
	if id != "" {
		kind += " " + fmt.Sprintf("%.40s", id)
	}
	return clients.Problem{Message: kind + ": " + message}
}

// wireAdvice is one desadv of a response. The OpenAPI calls its documentNumber the bill of lading,
// and lists that among the references too, as "DQ".
type wireAdvice struct {
	Error        object[wireProblem]                        `json:"error"`
	Number       text                                       `json:"documentNumber"`
	IssueDate    text                                       `json:"issueDate"`
	DespatchDate text                                       `json:"despatchDate"`
	ArrivalDate  text                                       `json:"arrivalDate"`
	Carrier      object[wireParty]                          `json:"carrierParty"`
	Consignee    object[wireParty]                          `json:"consignee"`
	Total        quantity                                   `json:"totalQuantity"`
	References   oneOrMany[wireReference, *wireReference]   `json:"references"`
	Lines        oneOrMany[wireAdviceLine, *wireAdviceLine] `json:"lineLevel"`
}

type wireParty struct {
	ID   text  `json:"partyID"`
	Name texts `json:"name"`
}

type wireReference struct {
	Code text `json:"referenceTypeCode"`
	ID   text `json:"documentID"`
	Line text `json:"lineID"`
}

type wireAdviceLine struct {
	ID         text                                     `json:"lineID"`
	References oneOrMany[wireReference, *wireReference] `json:"references"`
	Article    object[wireDespatchedArticle]            `json:"orderedArticle"`
}

type wireDespatchedArticle struct {
	IDs      object[wireArticleIDs]               `json:"articleIdentification"`
	Quantity quantity                             `json:"despatchedQuantity"`
	Tracing  oneOrMany[wireTracing, *wireTracing] `json:"tracingInformation"`
}

type wireTracing struct {
	IDs texts `json:"tracingID"`
}

func (w *wireAdvice) renew(m *memory.Meter) {
	carrier, consignee := w.Carrier.v.Name.renewed(m), w.Consignee.v.Name.renewed(m)
	*w = wireAdvice{References: w.References.renewed(m), Lines: w.Lines.renewed(m)}
	w.Carrier.v.Name, w.Consignee.v.Name = carrier, consignee
}

func (w *wireReference) renew(*memory.Meter) { *w = wireReference{} }

func (w *wireAdviceLine) renew(m *memory.Meter) {
	tracing := w.Article.v.Tracing.renewed(m)
	*w = wireAdviceLine{References: w.References.renewed(m)}
	w.Article.v.Tracing = tracing
}

func (w *wireTracing) renew(m *memory.Meter) { *w = wireTracing{w.IDs.renewed(m)} }

func (m *mapper) advice(w *wireAdvice, a *clients.Advice) problem {
	a.AdviceID = m.text(w.Number)
	trouble := m.problem(&w.Error)
	m.marked = m.count // KeepStored does not cover these
	a.IssuedOn, a.DespatchedOn, a.ExpectedOn = m.date(w.IssueDate), m.date(w.DespatchDate), m.date(w.ArrivalDate)
	m.mark(&a.Unread, clients.UnreadDates)
	a.Carrier, a.ShipTo = m.party(&w.Carrier), m.party(&w.Consignee)
	m.mark(&a.Unread, clients.UnreadParties)
	a.Quantity = m.pieces(w.Total)
	m.mark(&a.Unread, clients.UnreadQuantity)
	m.references(&w.References, func(r reference) {
		if r.is("DQ", "BM") {
			keep(&a.BillOfLading, r.id)
		}
	})
	m.mark(&a.Unread, clients.UnreadBillOfLading)
	for i := range w.Lines.list {
		if m.use(lineBytes) {
			a.Lines, m.ends = append(a.Lines, m.adviceLine(&w.Lines.list[i], a)), append(m.ends, w.Lines.ends[i])
		}
	}
	m.loose(w.Lines.bad)
	m.mark(&a.Unread, clients.UnreadContent)
	if a.Unread&clients.UnreadBillOfLading == 0 {
		keep(&a.BillOfLading, clients.Text(a.AdviceID))
	}
	keep(&a.AdviceID, string(a.BillOfLading))
	return trouble
}

func (m *mapper) adviceLine(w *wireAdviceLine, a *clients.Advice) (l clients.AdviceLine) {
	l.LineID = clients.Text(m.text(w.ID))
	m.references(&w.References, func(r reference) {
		switch {
		case r.is("VN"):
			keep(&l.OrderID, r.id)
			keep(&l.OrderLineID, r.line)
		case r.is("ON"):
			keep(&l.Reference, r.id)
		case r.is("BM", "DQ"):
			keep(&a.BillOfLading, r.id)
		}
	})
	isObject(m, &w.Article)
	article := &w.Article.v
	l.ArticleID, l.BuyerArticleID, l.EAN = m.articleIDs(&article.IDs)
	l.Quantity = m.pieces(article.Quantity)
	m.mark(&a.Unread, clients.UnreadContent)
	for i := range article.Tracing.list { // repeated at every line, stored once
		a.Tracking = append(a.Tracking, m.texts(&article.Tracing.list[i].IDs)...)
	}
	m.loose(article.Tracing.bad)
	m.mark(&a.Unread, clients.UnreadTracking)
	return l
}

type reference struct {
	code     string
	id, line clients.Text
}

func (r reference) is(codes ...string) bool { return slices.Contains(codes, r.code) }

func (m *mapper) references(w *oneOrMany[wireReference, *wireReference], use func(reference)) {
	for i := range w.list {
		use(m.reference(&w.list[i]))
	}
	m.loose(w.bad)
}

func (m *mapper) reference(w *wireReference) reference {
	return reference{m.text(w.Code), clients.Text(m.text(w.ID)), clients.Text(m.text(w.Line))}
}

// party identifies a party: by number or code, otherwise by the first name.
func (m *mapper) party(w *object[wireParty]) clients.Text {
	isObject(m, w)
	id := clients.Text(m.text(w.v.ID))
	for _, name := range m.texts(&w.v.Name) {
		keep(&id, clients.Text(name))
	}
	return id
}

// advices identifies the lines of an advice by their order and their id.
var advices = shape[clients.Advice, clients.AdviceLine]{
	parts: func(a *clients.Advice) parts[clients.AdviceLine] {
		return parts[clients.AdviceLine]{a.AdviceID, &a.Lines, &a.Unread, &a.Unmapped}
	},
	problem: func(a *clients.Advice, message string) clients.Problem {
		return documentProblem("despatch advice", a.AdviceID, message)
	},
	noID: "it has no number",
	keyed: keyed[clients.AdviceLine]{
		key: func(l *clients.AdviceLine) (string, bool) {
			return joined(l.LineID, l.OrderID, l.OrderLineID, l.Reference, l.ArticleID, l.BuyerArticleID, l.EAN), l.LineID != ""
		},
		contents: func(l *clients.AdviceLine) string { return fmt.Sprintf("%q", *l) },
	},
}

func joined(texts ...clients.Text) string {
	var all strings.Builder
	for _, t := range texts {
		all.WriteString(string(t))
		all.WriteByte(0)
	}
	return all.String()
}
