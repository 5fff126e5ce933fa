package sandbox

import "strconv"

// agencyOfSeller says that the seller assigned a number (EDIWheel agency code 91).
const agencyOfSeller = "91"

// The answer of variant "1" is EDIWheel-C1_1-OrderStatusResponse of Michelin North
// America Order-to-Cash, OpenAPI 1.0.1, its casings included. Where that document
// requires a member under another name or in another place than it describes it, both
// are sent: a consignee's partyID, and a line's orderedQuantity.

type c11Answer struct {
	DocumentID      string       `json:"documentID"`
	Variant         string       `json:"variant"`
	From            text         `json:"orderDateFrom,omitempty"` // echoed if sent
	To              text         `json:"orderDateTo,omitempty"`
	Indicator       text         `json:"orderStatusIndicator"`
	ErrorHead       errorHead    `json:"errorHead"`
	BuyerParty      c11Buyer     `json:"buyerParty"`
	OrderingParty   *struct{}    `json:"orderingParty"`
	Consignee       c11Consignee `json:"consignee"`
	ReferencedOrder []c11Order   `json:"referencedOrder,omitzero"` // nothing when refused, [] when there is none
}

type errorHead struct {
	ErrorCode string `json:"errorCode"`
}

type c11Buyer struct {
	PartyID text `json:"partyID"`
	c11Party
}

type c11Consignee struct {
	PartyID       text `json:"partyID"` // required
	PartyIDListed text `json:"partyId"` // listed
	c11Party
}

type c11Party struct {
	AgencyCode         string    `json:"agencyCode"`
	Name               []string  `json:"name"`
	Address            *struct{} `json:"address"`
	InformationContact *struct{} `json:"informationContact"`
}

type c11Order struct {
	Error               *struct{}   `json:"error"`
	OrderDate           string      `json:"orderDate"`
	SupplierOrderNumber c11Document `json:"supplierOrderNumber"`
	OrderingMethod      string      `json:"orderingMethod"`
	OrderReference      c11Document `json:"orderReference"`
	PickUp              *string     `json:"pickUp"`
	DeliveryOption      *string     `json:"deliveryOption"`
	SellerParty         *struct{}   `json:"sellerParty"`
	SupplierParty       *struct{}   `json:"supplierParty"`
	Contract            *struct{}   `json:"contract"`
	OrderLine           []c11Line   `json:"orderLine"`
}

type c11Document struct {
	DocumentID string `json:"documentId"`
	LineID     string `json:"lineId,omitempty"` // of despatch advices only
}

type c11Line struct {
	LineID              string       `json:"lineId"`
	CustomerLineItem    string       `json:"customerLineItemNumber"`
	AdditionalReference *struct{}    `json:"additionalCustomerReferenceNumber"`
	OrderedArticle      c11Article   `json:"orderedArticle"`
	OrderedQuantity     *c11Quantity `json:"orderedQuantity"`
}

type c11Article struct {
	Identification struct {
		BuyersArticleID        string  `json:"buyersArticleId"`
		ManufacturersArticleID string  `json:"manufacturersArticleId"`
		EAN                    *string `json:"eanuccarticleID"`
	} `json:"articleIdentification"`
	Description           articleText   `json:"articleDescription"`
	RequestedDeliveryDate string        `json:"requestedDeliveryDate"`
	RequestedDeliveryTime *string       `json:"requestedDeliveryTime"`
	ArticleComment        *string       `json:"articleComment"`
	ScheduleDetails       []c11Schedule `json:"scheduleDetails"`
	OrderedQuantity       *c11Quantity  `json:"orderedQuantity"`
}

type articleText struct {
	Text string `json:"articleDescriptionText"`
}

type c11Schedule struct {
	DeliveryDate        string       `json:"deliveryDate"`
	DeliveryTime        string       `json:"deliveryTime"`
	ConfirmedQuantity   *c11Quantity `json:"confirmedQuantity"`
	BackorderedQuantity *c11Quantity `json:"backorderedQuantity"`
	CancelledQuantity   *c11Quantity `json:"cancelledQuantity"`
	ScheduledQuantity   *c11Quantity `json:"scheduledQuantity"`
	OpenQuantity        *c11Quantity `json:"openQuantity"`
	ShippedDetails      *c11Shipped  `json:"shippedDetails"`
}

type c11Shipped struct {
	ShippedQuantity *c11Quantity `json:"shippedQuantity"`
	Despatched      struct {
		Details []c11Despatch `json:"scheduledArticleDespatchDetails"`
	} `json:"despatchedDetails"`
}

type c11Despatch struct {
	DespatchDate       string       `json:"despatchDate"`
	AdviceReference    c11Document  `json:"despatchAdviceReference"`
	DespatchedQuantity *c11Quantity `json:"despatchedQuantity"`
}

// c11Quantity is a number in quotes; null says that there is none.
type c11Quantity struct {
	Value string `json:"quantityValue"`
}

func newC11Quantity(n int) *c11Quantity { return &c11Quantity{strconv.Itoa(n)} }

// newC11Answer renders what was found, or a refusal when code says so.
func newC11Answer(q statusRequest, code string, found []order) c11Answer {
	party := c11Party{AgencyCode: agencyOfSeller, Name: []string{}}
	a := c11Answer{
		DocumentID: "C1", Variant: variantOpenAPI,
		From: q.From, To: q.To, Indicator: q.Indicator, ErrorHead: errorHead{code},
		BuyerParty: c11Buyer{q.BuyerParty.PartyID, party},
		Consignee:  c11Consignee{q.Consignee.PartyID, q.Consignee.PartyID, party},
	}
	if code != codeNone && code != codePartial {
		return a
	}
	a.ReferencedOrder = make([]c11Order, len(found))
	for i := range found {
		a.ReferencedOrder[i] = newC11Order(&found[i])
	}
	return a
}

func newC11Order(o *order) c11Order {
	w := c11Order{
		OrderDate:           o.date.String(),
		SupplierOrderNumber: c11Document{DocumentID: o.number},
		OrderReference:      c11Document{DocumentID: o.reference},
		OrderingMethod:      o.method,
		OrderLine:           make([]c11Line, len(o.lines)),
	}
	for i := range o.lines {
		w.OrderLine[i] = newC11Line(&o.lines[i])
	}
	return w
}

func newC11Line(l *line) c11Line {
	w := c11Line{LineID: l.id, CustomerLineItem: l.customerItem, OrderedQuantity: newC11Quantity(l.ordered)}
	a := &w.OrderedArticle
	a.Identification.BuyersArticleID = l.article.buyersID
	a.Identification.ManufacturersArticleID = l.article.id
	if l.article.ean != "" {
		a.Identification.EAN = &l.article.ean
	}
	a.Description.Text = l.article.description
	a.RequestedDeliveryDate = l.requested.String()
	a.OrderedQuantity = w.OrderedQuantity
	a.ScheduleDetails = make([]c11Schedule, len(l.parts))
	for i := range l.parts {
		a.ScheduleDetails[i] = newC11Schedule(&l.parts[i])
	}
	return w
}

// newC11Schedule puts a part's quantity where its state says.
func newC11Schedule(p *part) c11Schedule {
	w := c11Schedule{DeliveryDate: p.due.String(), DeliveryTime: "00:00:00Z"}
	quantity := newC11Quantity(p.quantity)
	switch p.state {
	case open:
		w.OpenQuantity = quantity
	case backordered:
		w.BackorderedQuantity = quantity
	case confirmed:
		w.ConfirmedQuantity = quantity
	case scheduled:
		w.ScheduledQuantity = quantity
	case cancelled:
		w.CancelledQuantity = quantity
	case shipped:
		w.ShippedDetails = &c11Shipped{ShippedQuantity: quantity}
		for i, d := range p.despatches {
			w.ShippedDetails.Despatched.Details = append(w.ShippedDetails.Despatched.Details, c11Despatch{
				DespatchDate:       d.date.String(),
				AdviceReference:    c11Document{DocumentID: d.bol, LineID: strconv.Itoa(i + 1)},
				DespatchedQuantity: newC11Quantity(d.quantity),
			})
		}
	}
	return w
}
