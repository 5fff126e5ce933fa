package sandbox

import "strconv"

// desadvAnswer is EDIWheel-C1_0-DesadvResponse.
type desadvAnswer struct {
	EnvelopeHeader struct {
		DocumentID       string `json:"documentID"`
		Variant          string `json:"variant"`
		MessageType      string `json:"messageType"`
		NumberOfMessages int    `json:"numberOfMessages"`
	} `json:"envelopeHeader"`
	ErrorHead errorHead `json:"errorHead"`
	Desadv    []desadv  `json:"desadv,omitzero"` // nothing when refused, [] when there is none
}

type desadv struct {
	IssueDate      string            `json:"issueDate"`
	DocumentNumber string            `json:"documentNumber"`
	Measures       desadvMeasures    `json:"measures"`
	DespatchDate   string            `json:"despatchDate"`
	ArrivalDate    string            `json:"arrivalDate"`
	DeliveryOption []string          `json:"deliveryOption"`
	TotalQuantity  desadvQuantity    `json:"totalQuantity"`
	References     []desadvReference `json:"references"`
	BuyerParty     desadvParty       `json:"buyerParty"`
	Consignee      desadvConsignee   `json:"consignee"`
	CarrierParty   desadvParty       `json:"carrierParty"`
	LineLevel      []desadvLine      `json:"lineLevel"`
}

type desadvMeasures struct {
	GrossWeight struct {
		Measure float64 `json:"measure"`
		Unit    string  `json:"measureUnitCode"`
	} `json:"grossWeight"`
}

type desadvQuantity struct {
	Value int    `json:"quantityValue"`
	Unit  string `json:"measureUnitCode"`
}

type desadvReference struct {
	TypeCode   string `json:"referenceTypeCode"`
	DocumentID string `json:"documentID"`
	LineID     string `json:"lineID,omitempty"`
}

type desadvParty struct {
	PartyID    string `json:"partyID"`
	AgencyCode string `json:"agencyCode"`
}

type desadvConsignee struct {
	desadvParty

	Name    []string `json:"name"`
	Address struct {
		Street      []*string `json:"street"`
		City        string    `json:"city"`
		District    string    `json:"district"`
		PostCode    string    `json:"postCode"`
		CountryCode string    `json:"countryCode"`
	} `json:"address"`
}

type desadvLine struct {
	LineID         string            `json:"lineID"`
	References     []desadvReference `json:"references"`
	OrderedArticle desadvArticle     `json:"orderedArticle"`
}

type desadvArticle struct {
	Identification struct {
		BuyersArticleID        string `json:"buyersArticleID,omitempty"`
		ManufacturersArticleID string `json:"manufacturersArticleID"`
	} `json:"articleIdentification"`
	Description struct {
		Text []string `json:"articleDescriptionText"`
	} `json:"articleDescription"`
	DespatchedQuantity desadvQuantity `json:"despatchedQuantity"`
	DeliveryOption     []string       `json:"deliveryOption"`
	Tracing            []desadvTrace  `json:"tracingInformation"`
}

type desadvTrace struct {
	ID string `json:"tracingID"`
}

// newDesadvAnswer renders what was found, or a refusal when code says so.
func newDesadvAnswer(code string, found []truck, account int) desadvAnswer {
	a := desadvAnswer{ErrorHead: errorHead{code}}
	h := &a.EnvelopeHeader
	h.DocumentID, h.Variant, h.MessageType, h.NumberOfMessages = "C1", "0", "desadv", len(found)
	if code != codeNone && code != codePartial {
		return a
	}
	a.Desadv = make([]desadv, len(found))
	for i := range found {
		a.Desadv[i] = newDesadv(&found[i], michelinParties[account])
	}
	return a
}

// newDesadv renders a truck. Its weight is made up: 25 lbs a piece.
func newDesadv(t *truck, p michelinParty) desadv {
	d := desadv{
		IssueDate: t.date.String(), DocumentNumber: t.bol, DespatchDate: t.date.String(), ArrivalDate: t.arrives.String(),
		DeliveryOption: []string{}, TotalQuantity: desadvQuantity{t.pieces(), "PCE"},
		References:   []desadvReference{{TypeCode: "DQ", DocumentID: t.bol}},
		BuyerParty:   desadvParty{p.BillTo, agencyOfSeller},
		Consignee:    desadvConsignee{desadvParty: desadvParty{p.ShipTo, agencyOfSeller}, Name: []string{"SAMPLE TIRE SHOP"}},
		CarrierParty: desadvParty{t.carrier(), "182"},
	}
	d.Measures.GrossWeight.Measure, d.Measures.GrossWeight.Unit = 25*float64(t.pieces()), "lbs"
	street := "1 SAMPLE STREET"
	a := &d.Consignee.Address
	a.Street, a.City, a.District, a.PostCode, a.CountryCode = []*string{&street, nil, nil}, "SAMPLETOWN", "MI", "00000", "US"
	for i, l := range t.loads {
		d.LineLevel = append(d.LineLevel, newDesadvLine(t, i, l))
	}
	return d
}

func newDesadvLine(t *truck, i int, l load) desadvLine {
	w := desadvLine{LineID: strconv.Itoa(i + 1), References: []desadvReference{
		{TypeCode: "BM", DocumentID: t.bol},
		{TypeCode: "VN", DocumentID: t.order.number, LineID: l.line.id},
	}}
	if t.order.reference != "" {
		w.References = append(w.References, desadvReference{TypeCode: "ON", DocumentID: t.order.reference, LineID: l.line.customerItem})
	}
	a := &w.OrderedArticle
	a.Identification.BuyersArticleID, a.Identification.ManufacturersArticleID = l.line.article.buyersID, l.line.article.id
	a.Description.Text = []string{l.line.article.description}
	a.DespatchedQuantity, a.DeliveryOption = desadvQuantity{l.quantity, "PCE"}, []string{}
	for _, number := range t.tracking() {
		a.Tracing = append(a.Tracing, desadvTrace{number})
	}
	return w
}
