package declared

import (
	"slices"
	"strings"
)

// The names of members whose values tell who somebody is, folded as [foldName] does.
var (
	// personalNames are names as they are.
	personalNames = []string{
		"attention", "attn", "careof", "city", "town", "suburb", "district", "zip", "fax", "tel", "dob", "vrn", "vin", "plate",
		"ssn", "nino", "iban", "bic", "buyer", "consignee", "customer", "recipient", "receiver", "shipto", "billto", "soldto", "payer",
		"signedby", "createdby", "updatedby", "modifiedby", "orderedby", "requestedby", "approvedby", "placedby", "owner", "user", "login",
		"latitude", "longitude", "lat", "lng", "lon", "comment", "comments", "remark", "remarks", "note", "notes", "memo", "instructions",
	}
	// personalParts are within names.
	personalParts = []string{
		"contact", "driver", "address", "street", "houseno", "housenumber", "postal", "postcode", "zipcode", "phone", "mobile", "email", "birth",
		"registrationn", "registrationmark", "licenseplate", "licenceplate", "numberplate", "passport", "socialsecurity", "nationalid", "taxid",
		"taxn", "vatn", "vatid", "surname", "cardholder", "cardn", "cardpan", "deliveryinstruction", "deliverynote",
	}
	// personalTables hold nothing else, at whichever depth, but what openMembers name.
	personalTables = map[string]bool{
		"contact": true, "contacts": true, "contactperson": true, "address": true, "addresses": true, "deliveryaddress": true,
		"shippingaddress": true, "billingaddress": true, "driver": true, "drivers": true, "person": true, "recipient": true, "consignee": true,
	}
	openMembers = []string{"country", "countrycode", "type", "kind", "role", "status"}
	// things have names that are nobody's: what a name begins with, or stands in.
	things = []string{
		"article", "product", "material", "item", "line", "position", "type", "status", "state", "brand", "model", "unit", "currency", "country",
		"category", "method", "service", "carrier", "file", "field", "event", "group", "part", "code",
	}
)

// member is where a value stands in an answer.
type member struct {
	name     string
	personal bool
	all      bool // as is all that is below it
}

// below is the place of a member of the table that is at m.
func (m member) below(name string) member {
	folded := foldName(name)
	all := (m.all || personalTables[folded]) && !slices.Contains(openMembers, folded)
	return member{name: name, personal: all || isPersonal(name, m.name), all: all}
}

// isPersonal reports whether a member, of a table that another member holds, tells who
// somebody is by its name. One called name does, but for names of things: typeName, or name
// in product.
func isPersonal(name, table string) bool {
	name = foldName(name)
	isThing := func(s string) bool {
		return slices.ContainsFunc(things, func(t string) bool { return strings.Contains(s, t) })
	}
	switch {
	case slices.Contains(personalNames, name), slices.ContainsFunc(personalParts, func(p string) bool { return strings.Contains(name, p) }):
		return true
	case name == "name":
		return !isThing(foldName(table))
	default:
		return strings.HasSuffix(name, "name") && !isThing(strings.TrimSuffix(name, "name"))
	}
}
