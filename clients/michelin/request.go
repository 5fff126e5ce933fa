package michelin

import (
	"encoding/json"
	"errors"

	"orderbeat/clients"
)

// profile is a format of requests.
type profile struct {
	variant    any // 0 or "1"
	agencyCode any // 91 or "91": "assigned by the seller"
	consignee  bool
}

// profiles are the formats by the values of the key request. The portal page's sample has variant 0,
// numbers and a blank consignee; the OpenAPI requires variant "1", texts and the Ship-to number.
var profiles = map[string]profile{
	"portal":  {variant: 0, agencyCode: 91},
	"openapi": {variant: "1", agencyCode: "91", consignee: true},
}

// statusRequest is EDIWheel-C1_1-OrderStatusRequest, with its members in the order of the portal
// page's sample.
type statusRequest struct {
	DocumentID    string            `json:"documentID"`
	Variant       any               `json:"variant"`
	OrderDateFrom clients.Date      `json:"orderDateFrom,omitempty"`
	OrderDateTo   clients.Date      `json:"orderDateTo,omitempty"`
	Indicator     string            `json:"orderStatusIndicator"`
	BuyerParty    party             `json:"buyerParty"`
	Consignee     party             `json:"consignee"`
	Orders        []referencedOrder `json:"referencedOrder,omitempty"`
}

type party struct {
	PartyID    string `json:"partyID"`
	AgencyCode any    `json:"agencyCode"`
}

type referencedOrder struct {
	SupplierOrderNumber *document `json:"supplierOrderNumber,omitempty"`
	OrderReference      *document `json:"orderReference,omitempty"`
}

type document struct {
	DocumentID string `json:"documentID"`
}

// allLines is the orderStatusIndicator for lines of every status. With any other value a shipped
// order would look like a missing one.
const allLines = "2"

// encode writes a request. Michelin rejects order numbers combined with a date range (errorCode
// 987).
func (p profile) encode(q clients.Query) ([]byte, error) {
	r := statusRequest{
		DocumentID: documentID, Variant: p.variant, Indicator: allLines,
		BuyerParty: party{PartyID: q.Account.BillTo, AgencyCode: p.agencyCode},
		Consignee:  party{AgencyCode: p.agencyCode},
	}
	if p.consignee {
		r.Consignee.PartyID = q.Account.ShipTo
	}
	for _, id := range q.OrderIDs {
		r.Orders = append(r.Orders, referencedOrder{SupplierOrderNumber: &document{id}})
	}
	for _, reference := range q.References {
		r.Orders = append(r.Orders, referencedOrder{OrderReference: &document{reference}})
	}
	if !q.ByReference() {
		if q.From == "" || q.To == "" {
			return nil, errors.New("a date range or order numbers are required")
		}
		r.OrderDateFrom, r.OrderDateTo = q.From, q.To
	}
	return json.Marshal(r)
}
