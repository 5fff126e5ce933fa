package sandbox

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// statusRequest is the body of an order status request. Two profiles of it are
// documented, and both are understood:
//
//   - the developer portal's sample: variant 0, numbers, a blank consignee;
//   - the OpenAPI document: variant "1", strings, a consignee.
type statusRequest struct {
	DocumentID   text         `json:"documentID"`
	Variant      text         `json:"variant"`
	Indicator    text         `json:"orderStatusIndicator"`
	From         text         `json:"orderDateFrom"`
	To           text         `json:"orderDateTo"`
	BuyerParty   requestParty `json:"buyerParty"`
	Consignee    requestParty `json:"consignee"`
	ReferencedTo []reference  `json:"referencedOrder"`
}

type requestParty struct {
	PartyID    text `json:"partyID"`
	AgencyCode text `json:"agencyCode"`
}

// reference asks for an order by Michelin's number, by the customer's, or by both.
// The article numbers that the OpenAPI document allows here are not looked at.
type reference struct {
	SupplierOrderNumber documentRef `json:"supplierOrderNumber"`
	OrderReference      documentRef `json:"orderReference"`
}

type documentRef struct {
	DocumentID text `json:"documentID"`
}

// The variants, as the two profiles write them.
const (
	variantPortal  = "0"
	variantOpenAPI = "1"
)

// text is a JSON string, or a number as it is written; null is "".
type text string

// UnmarshalJSON refuses what is neither a string nor a number nor null.
func (t *text) UnmarshalJSON(b []byte) error {
	if bytes.Equal(b, []byte("null")) {
		return nil
	}
	if b[0] == '"' {
		return json.Unmarshal(b, (*string)(t))
	}
	var n json.Number
	if err := json.Unmarshal(b, &n); err != nil {
		return fmt.Errorf("neither text nor number: %w", err)
	}
	*t = text(n)
	return nil
}
