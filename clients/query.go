package clients

import "time"

// Account is one of a provider's accounts, as configured.
type Account struct {
	// Name is the account's name in configuration, subjects and tables.
	Name string `toml:"name"`
	// BillTo and ShipTo are the supplier's numbers of the buyer party and of the
	// consignee (EDIWheel).
	BillTo string `toml:"bill_to"`
	ShipTo string `toml:"ship_to"`
	// User and Org name the owner of the token where tokens belong to users.
	User string `toml:"user"`
	Org  string `toml:"org"`
	// Timezone is the IANA name of the time zone of the account's dates; "" is UTC.
	Timezone string `toml:"timezone"`
	// Params are custom values for the templates of a declared provider: texts, secrets (secret.Secret),
	// numbers (int64, float64) and booleans.
	Params map[string]any `toml:"params" value:"secrets"`
	// Location is the loaded Timezone.
	Location *time.Location `toml:"-"`
}

// Query is one query about one account: either a range of order dates or some order ids and
// references, never both.
type Query struct {
	Account Account
	// From and To are the first and last order date, in the account's zone.
	From, To Date
	// OrderIDs are the supplier's own order numbers.
	OrderIDs []string
	// References are the customer's own order numbers (PO).
	References []string
}

// ByReference reports whether the query names orders instead of a date range.
func (q Query) ByReference() bool { return len(q.OrderIDs)+len(q.References) > 0 }

// Answer is a provider's answer to one query.
type Answer struct {
	// Orders are normalized ([Order.Normalize]); each order id appears once.
	Orders []Order
	// Advices and Invoices are the results of a [DespatchSource] and an [InvoiceSource], normalized;
	// each number appears once.
	Advices  []Advice
	Invoices []Invoice
	// Partial lists the orders that the provider or the mapping could not report completely. The rest of
	// the answer is valid.
	Partial []Problem
}

// Problem is one order, or part of a response, with an error.
type Problem struct {
	// OrderID and Reference identify the order if the provider names it.
	OrderID   string
	Reference string
	// Code is the provider's own code.
	Code    string
	Message string
	// Unread reports that the order is in the response but could not be read or requested. It is not in
	// [Answer.Orders], and the stored order stays unchanged. An order with a few unread or contradictory
	// values is in Answer.Orders: see [Order.Unread].
	Unread bool
}
