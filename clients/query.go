package clients

import "time"

// Account is one of a provider's accounts, as configured.
type Account struct {
	// Name is how the account is called in configuration, subjects and tables.
	Name string `toml:"name"`
	// BillTo and ShipTo are the supplier's numbers of the buyer party and of the
	// consignee (EDIWheel).
	BillTo string `toml:"bill_to"`
	ShipTo string `toml:"ship_to"`
	// User and Org name whose token is used where tokens belong to users.
	User string `toml:"user"`
	Org  string `toml:"org"`
	// Timezone is the IANA name of the zone the account's dates are in; "" is UTC.
	Timezone string `toml:"timezone"`
	// Params are values of the user's own, for the templates of a declared provider:
	// texts, secrets (secret.Secret), numbers (int64, float64) and booleans.
	Params map[string]any `toml:"params" value:"secrets"`
	// Location is the loaded Timezone.
	Location *time.Location `toml:"-"`
}

// Query is one question about one account: either a window of order dates or a
// handful of order ids and references, never both.
type Query struct {
	Account Account
	// From and To bound the order date, both included, in the account's zone.
	From, To Date
	// OrderIDs are the supplier's own order numbers.
	OrderIDs []string
	// References are the customer's own order numbers (PO).
	References []string
}

// ByReference reports whether the query names orders rather than a window.
func (q Query) ByReference() bool { return len(q.OrderIDs)+len(q.References) > 0 }

// Answer is what a provider reported to one query.
type Answer struct {
	// Orders are normalized ([Order.Normalize]); each order id appears once.
	Orders []Order
	// Advices and Invoices are what an [Adviser] and an [Invoicer] report, normalized;
	// each number appears once.
	Advices  []Advice
	Invoices []Invoice
	// Partial lists what the provider, or the mapping, could not tell about
	// single orders. What could be told is there all the same.
	Partial []Problem
}

// Problem is one order, or part of an answer, that came with an error.
type Problem struct {
	// OrderID and Reference name the order where the provider does.
	OrderID   string
	Reference string
	// Code is the provider's own code.
	Code    string
	Message string
	// Unread tells that the order stands in the answer and could not be read, or asked
	// for: it is not among [Answer.Orders], and stays as it is stored. One of which single
	// values could not be read, or contradict each other, is among them: see [Order.Unread].
	Unread bool
}
