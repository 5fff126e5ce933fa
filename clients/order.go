package clients

import "unsafe"

// Order is one order as a provider reports it at one moment. Its JSON names are
// the columns of the table `orders`; this is the document that is stored,
// compared and published.
type Order struct {
	Provider string `json:"provider"`
	Account  string `json:"account"`
	// OrderID is the supplier's own number. (Provider, Account, OrderID) identify the order.
	OrderID string `json:"order_id"`
	// Reference is the customer's own number (PO).
	Reference Text `json:"reference"`
	// OrderedOn is the date the supplier received the order.
	OrderedOn Date `json:"ordered_on"`
	// Method is how the order reached the supplier, in the supplier's words.
	Method Text `json:"method"`
	// Status, the quantities and the promised dates are rolled up by [Order.Normalize].
	Status          Status   `json:"status"`
	OrderedQuantity Quantity `json:"ordered_quantity"`
	ShippedQuantity Quantity `json:"shipped_quantity"`
	OpenQuantity    Quantity `json:"open_quantity"`
	// PromisedOn is the latest date promised for open parts, NextPromisedOn the earliest.
	PromisedOn     Date   `json:"promised_on"`
	NextPromisedOn Date   `json:"next_promised_on"`
	Lines          []Line `json:"lines"`
	// Unmapped lists, sorted, the values of the response that could not be read, as "path: value". It
	// alone is not a change.
	Unmapped []string `json:"unmapped,omitempty"`
	// Unread are the fields that could not be read. It is not stored.
	Unread Unread `json:"-"`
	// Stated is the status that the provider states for the order itself, if it differs from Status. It
	// is not stored: it helps to check a mapping.
	Stated Status `json:"-"`
}

// Line is one line of an order. LineID identifies it within the order.
type Line struct {
	LineID         string `json:"line_id"`
	ArticleID      Text   `json:"article_id"`
	BuyerArticleID Text   `json:"buyer_article_id"`
	EAN            Text   `json:"ean"`
	Description    Text   `json:"description"`
	// Status, PromisedOn and the sums are rolled up by [Order.Normalize].
	Status Status `json:"status"`
	// RequestedOn is the customer's date, PromisedOn the supplier's promise; the date of despatch is in
	// Despatches. They are never merged.
	RequestedOn Date `json:"requested_on"`
	PromisedOn  Date `json:"promised_on"`
	// Ordered is the quantity that the line states; the other quantities are sums over Schedule.
	Ordered Quantity `json:"ordered"`
	Amounts
	Schedule   []ScheduleLine `json:"schedule"`
	Despatches []Despatch     `json:"despatches"`
	// Unread are the fields that could not be read. It is not stored.
	Unread Unread `json:"-"`
}

// Amounts are quantities by state. A unit is in one state only; NULL means that the provider does not
// state it.
type Amounts struct {
	Confirmed   Quantity `json:"confirmed"`
	Backordered Quantity `json:"backordered"`
	Cancelled   Quantity `json:"cancelled"`
	Scheduled   Quantity `json:"scheduled"`
	Open        Quantity `json:"open"`
	Shipped     Quantity `json:"shipped"`
}

// ScheduleLine is one part of a line with its own promise (EDIWheel scheduleDetails). Schedule lines
// have no ids; they are sorted.
type ScheduleLine struct {
	// DeliveryOn is the promised date.
	DeliveryOn Date     `json:"delivery_on"`
	Ordered    Quantity `json:"ordered"`
	Amounts
}

// Despatch is one shipment of a part of a line.
type Despatch struct {
	DespatchedOn Date `json:"despatched_on"`
	// AdviceID is the bill of lading.
	AdviceID Text     `json:"advice_id"`
	Quantity Quantity `json:"quantity"`
}

// Status is the status of an order or a line. [Order.Normalize] has the rules that derive it.
type Status string

// The statuses.
const (
	StatusBackordered      Status = "backordered"
	StatusOpen             Status = "open"
	StatusConfirmed        Status = "confirmed"
	StatusScheduled        Status = "scheduled"
	StatusPartiallyShipped Status = "partially_shipped"
	StatusShipped          Status = "shipped"
	StatusDelivered        Status = "delivered"
	StatusCancelled        Status = "cancelled"
	StatusUnknown          Status = "unknown"
)

// Statuses lists every status, in the usual order of events.
var Statuses = []Status{
	StatusUnknown, StatusBackordered, StatusOpen, StatusConfirmed, StatusScheduled,
	StatusPartiallyShipped, StatusShipped, StatusDelivered, StatusCancelled,
}

// Ended reports whether no further change is expected.
func (s Status) Ended() bool {
	return s == StatusShipped || s == StatusDelivered || s == StatusCancelled
}

// Size is about how many bytes of memory a line takes.
func (l *Line) Size() int {
	return int(unsafe.Sizeof(*l)) + len(l.LineID) + len(l.ArticleID) + len(l.BuyerArticleID) + len(l.EAN) + len(l.Description) +
		len(l.Schedule)*int(unsafe.Sizeof(ScheduleLine{})) + len(l.Despatches)*int(unsafe.Sizeof(Despatch{}))
}

// EditTexts passes every text of the order that comes from the provider through edit, but not dates,
// quantities and statuses.
func (o *Order) EditTexts(edit func(string) string) {
	editTexts(edit, &o.Reference, &o.Method)
	o.OrderID = edit(o.OrderID)
	for i := range o.Lines {
		l := &o.Lines[i]
		l.LineID = edit(l.LineID)
		editTexts(edit, &l.ArticleID, &l.BuyerArticleID, &l.EAN, &l.Description)
		for j := range l.Despatches {
			editTexts(edit, &l.Despatches[j].AdviceID)
		}
	}
	editAll(edit, o.Unmapped)
}
