package michelin

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"orderbeat/clients"
	"orderbeat/clients/memory"
)

const (
	desadvPath      = "/desadv/amn/C1_0/desadv"
	desadvOperation = "despatch advice"
)

// desadvRequest is EDIWheel-C1_0-DesadvRequest. Only the OpenAPI tells of it, so that
// there is one way of writing it.
type desadvRequest struct {
	DocumentID string       `json:"documentID"`
	Variant    string       `json:"variant"`
	From       clients.Date `json:"despatchFromDate"`
	To         clients.Date `json:"despatchToDate"`
	BuyerParty party        `json:"buyerParty"`
	Consignee  *party       `json:"consignee,omitempty"`
}

// Advices implements [clients.Adviser].
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

// needsWindow refuses a question about documents that has no window.
func (c *Client) needsWindow(op string, q clients.Query) error {
	if q.From != "" && q.To != "" {
		return nil
	}
	return &clients.Error{Provider: c.name, Op: op, Code: clients.CodeInvalid, Message: "a question needs a window of days"}
}

// agencyOfSeller is the agencyCode of numbers that the seller assigned.
const agencyOfSeller = "91"

func buyer(a clients.Account) party { return party{PartyID: a.BillTo, AgencyCode: agencyOfSeller} }

// consignee is the ship-to where the account is asked about by it; without one the
// answer is about all of the bill-to's.
func (c *Client) consignee(a clients.Account) *party {
	if !c.profile.consignee {
		return nil
	}
	return &party{PartyID: a.ShipTo, AgencyCode: agencyOfSeller}
}

// decodeAdvices reads EDIWheel-C1_0-DesadvResponse and nothing else, advice by advice. It
// is known by its messageType or, where that is missing, by its list; a refusal is one
// without either.
func decodeAdvices(meter *memory.Meter, body io.Reader, provider, account string) (clients.Answer, error) {
	d := adviceDecoder{
		reader:   newReader(meter, body, "an EDIWheel C1 despatch advice"),
		provider: provider, account: account, advices: newDocuments(advices),
	}
	if err := d.read("desadv", d.advice, d.member); err != nil {
		return clients.Answer{}, err
	}
	if d.head.code == "" {
		return clients.Answer{}, d.withoutHead()
	}
	if err := judge(d.head, &d.answer); err != nil {
		return clients.Answer{}, err
	}
	if !d.identified && !d.listed {
		return clients.Answer{}, d.wrong("it has neither a messageType nor a desadv")
	}
	if err := d.complete(); err != nil {
		return clients.Answer{}, err
	}
	d.answer.Advices = d.advices.done((*clients.Advice).Normalize)
	return d.answer, nil
}

type adviceDecoder struct {
	reader
	wire              wireAdvice // used again for every entry
	provider, account string
	answer            clients.Answer
	advices           documents[clients.Advice, clients.AdviceLine]
	identified        bool // its messageType is there
}

func (d *adviceDecoder) member(name string, value jsontext.Value) error {
	if strings.EqualFold(name, "envelopeHeader") {
		return eachMember(value, d.envelope)
	}
	return d.envelope(name, value)
}

// envelope reads a member of envelopeHeader, which may stand beside it as well.
func (d *adviceDecoder) envelope(name string, value jsontext.Value) error {
	switch {
	case strings.EqualFold(name, "documentID"):
		return d.is("documentID", value, documentID)
	case strings.EqualFold(name, "messageType"):
		d.identified = true
		return d.is("messageType", value, "desadv")
	case strings.EqualFold(name, "numberOfMessages"):
		d.count(value, &d.answer)
	}
	return nil
}

// advice maps one entry, and puts it together with earlier ones of the same number.
func (d *adviceDecoder) advice(entry jsontext.Value) error {
	m := &d.mapper
	w := &d.wire
	if err := d.begin(entry, w); err != nil {
		return err
	}
	a := d.advices.next()
	a.Provider, a.Account = d.provider, d.account
	trouble := m.advice(w, a)
	d.advices.add(m, trouble, &d.answer, func(into *clients.Advice) {
		later(m, &into.IssuedOn, a.IssuedOn, w.IssueDate.at)
		later(m, &into.DespatchedOn, a.DespatchedOn, w.DespatchDate.at)
		later(m, &into.ExpectedOn, a.ExpectedOn, w.ArrivalDate.at)
		later(m, &into.Quantity, a.Quantity, w.Total.at)
		keep(&into.Carrier, a.Carrier)
		keep(&into.ShipTo, a.ShipTo)
		into.Tracking = append(into.Tracking, a.Tracking...)
	})
	return nil
}

// documentProblem tells about a document that is no order.
func documentProblem(kind, id, message string) clients.Problem {
	if id != "" {
		kind += " " + fmt.Sprintf("%.40s", id)
	}
	return clients.Problem{Message: kind + ": " + message}
}
