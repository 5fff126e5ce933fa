package sandbox

import "strconv"

// The answer of variant "0". No document of Michelin North America describes it; it
// follows what is known of EDIWheel's C1.0, Michelin's worldwide order status API
// 1.2.0: what was despatched stands directly under scheduleDetails, quantities are
// numbers, an order's error is always there, and the names end in ID throughout.
//
// It has no backordered, scheduled and shipped quantities. So what is open or
// backordered is told as openQuantity, what is confirmed or scheduled as
// confirmedQuantity, scheduled being what has a delivery date, and what is shipped by
// its despatches. A quantity that does not apply is left out.

type c10Answer struct {
	DocumentID      string     `json:"documentID"`
	Variant         string     `json:"variant"`
	From            text       `json:"orderDateFrom,omitempty"`
	To              text       `json:"orderDateTo,omitempty"`
	Indicator       text       `json:"orderStatusIndicator"`
	ErrorHead       errorHead  `json:"errorHead"`
	BuyerParty      c10Party   `json:"buyerParty"`
	Consignee       c10Party   `json:"consignee"`
	ReferencedOrder []c10Order `json:"referencedOrder,omitzero"`
}

type c10Party struct {
	PartyID    text   `json:"partyID"`
	AgencyCode string `json:"agencyCode"`
}

type c10Order struct {
	Error               errorHead   `json:"error"`
	OrderDate           string      `json:"orderDate"`
	SupplierOrderNumber c10Document `json:"supplierOrderNumber"`
	OrderingMethod      string      `json:"orderingMethod"`
	OrderReference      c10Document `json:"orderReference"`
	OrderLine           []c10Line   `json:"orderLine"`
}

type c10Document struct {
	DocumentID string `json:"documentID"`
	LineID     string `json:"lineID,omitempty"`
}

type c10Line struct {
	LineID           string     `json:"lineID"`
	CustomerLineItem string     `json:"customerLineItemNumber,omitempty"`
	OrderedArticle   c10Article `json:"orderedArticle"`
}

type c10Article struct {
	Identification struct {
		ManufacturersArticleID string `json:"manufacturersArticleID"`
		BuyersArticleID        string `json:"buyersArticleID,omitempty"`
		EAN                    string `json:"eanuccArticleID,omitempty"`
	} `json:"articleIdentification"`
	Description           articleText   `json:"articleDescription"`
	RequestedDeliveryDate string        `json:"requestedDeliveryDate"`
	OrderedQuantity       c10Quantity   `json:"orderedQuantity"`
	ScheduleDetails       []c10Schedule `json:"scheduleDetails"`
}

type c10Schedule struct {
	DeliveryDate      string        `json:"deliveryDate"`
	ConfirmedQuantity *c10Quantity  `json:"confirmedQuantity,omitempty"`
	CancelledQuantity *c10Quantity  `json:"cancelledQuantity,omitempty"`
	OpenQuantity      *c10Quantity  `json:"openQuantity,omitempty"`
	Despatches        []c10Despatch `json:"scheduledArticleDespatchDetails,omitempty"`
}

type c10Despatch struct {
	DespatchDate       string      `json:"despatchDate"`
	AdviceReference    c10Document `json:"despatchAdviceReference"`
	DespatchedQuantity c10Quantity `json:"despatchedQuantity"`
}

type c10Quantity struct {
	Value int `json:"quantityValue"`
}

// newC10Answer renders what was found, or a refusal when code says so.
func newC10Answer(q statusRequest, code string, found []order) c10Answer {
	a := c10Answer{
		DocumentID: "C1", Variant: variantPortal,
		From: q.From, To: q.To, Indicator: q.Indicator, ErrorHead: errorHead{code},
		BuyerParty: c10Party{q.BuyerParty.PartyID, agencyOfSeller},
		Consignee:  c10Party{q.Consignee.PartyID, agencyOfSeller},
	}
	if code != codeNone && code != codePartial {
		return a
	}
	a.ReferencedOrder = make([]c10Order, len(found))
	for i := range found {
		a.ReferencedOrder[i] = newC10Order(&found[i])
	}
	return a
}

func newC10Order(o *order) c10Order {
	w := c10Order{
		Error:               errorHead{codeNone},
		OrderDate:           o.date.String(),
		SupplierOrderNumber: c10Document{DocumentID: o.number},
		OrderReference:      c10Document{DocumentID: o.reference},
		OrderingMethod:      o.method,
		OrderLine:           make([]c10Line, len(o.lines)),
	}
	for i := range o.lines {
		w.OrderLine[i] = newC10Line(&o.lines[i])
	}
	return w
}

func newC10Line(l *line) c10Line {
	w := c10Line{LineID: l.id, CustomerLineItem: l.customerItem}
	a := &w.OrderedArticle
	a.Identification.ManufacturersArticleID = l.article.id
	a.Identification.BuyersArticleID = l.article.buyersID
	a.Identification.EAN = l.article.ean
	a.Description.Text = l.article.description
	a.RequestedDeliveryDate = l.requested.String()
	a.OrderedQuantity.Value = l.ordered
	a.ScheduleDetails = make([]c10Schedule, len(l.parts))
	for i := range l.parts {
		a.ScheduleDetails[i] = newC10Schedule(&l.parts[i])
	}
	return w
}

func newC10Schedule(p *part) c10Schedule {
	w := c10Schedule{DeliveryDate: p.due.String()}
	switch p.state {
	case open, backordered:
		w.OpenQuantity = &c10Quantity{p.quantity}
	case confirmed, scheduled:
		w.ConfirmedQuantity = &c10Quantity{p.quantity}
	case cancelled:
		w.CancelledQuantity = &c10Quantity{p.quantity}
	case shipped:
		for i, d := range p.despatches {
			w.Despatches = append(w.Despatches, c10Despatch{
				DespatchDate:       d.date.String(),
				AdviceReference:    c10Document{d.bol, strconv.Itoa(i + 1)},
				DespatchedQuantity: c10Quantity{d.quantity},
			})
		}
	}
	return w
}
