package clients

import "unsafe"

// Order is one order as a provider reports it at one moment. Its JSON names are
// the columns of the table `orders`; this is the document that is stored,
// compared and published.
type Order struct {
	// Provider is the name of the provider's section in the configuration.
	Provider string `json:"provider"`
	// Account is the name of the account at the provider.
	Account string `json:"account"`
	// OrderID is the supplier's own number. Together with provider and account it identifies the
	// order.
	OrderID string `json:"order_id"`
	// Reference is the customer's own number (PO).
	Reference Text `json:"reference"`
	// OrderedOn is the date the supplier received the order.
	OrderedOn Date `json:"ordered_on"`
	// Method is how the order reached the supplier, in the supplier's words.
	Method Text `json:"method"`
	// Status is derived from the lines, unless the provider states that the order is cancelled or
	// delivered.
	Status Status `json:"status"`
	// OrderedQuantity is the sum over the lines, in pieces; null if no line states it.
	OrderedQuantity Quantity `json:"ordered_quantity"`
	// ShippedQuantity is the sum over the lines, in pieces; 0 if nothing was shipped, never null.
	ShippedQuantity Quantity `json:"shipped_quantity"`
	// OpenQuantity is ordered minus shipped minus cancelled pieces; null if the ordered quantity is
	// unknown.
	OpenQuantity Quantity `json:"open_quantity"`
	// PromisedOn is the latest day promised for a part that still waits, null if such a part has no
	// promise; if nothing waits, the latest promised day.
	PromisedOn Date `json:"promised_on"`
	// NextPromisedOn is the earliest day promised for a part that still waits; null if there is none.
	NextPromisedOn Date `json:"next_promised_on"`
	// Lines are sorted by their line_id.
	Lines []Line `json:"lines"`
	// Unmapped lists, sorted, the values of the response that could not be read, as "path: value".
	// Absent if there are none. It alone is not a change.
	Unmapped []string `json:"unmapped,omitempty"`
	// Unread are the fields that could not be read. It is not stored.
	Unread Unread `json:"-"`
	// Stated is the status that the provider states for the order itself, if it differs from Status. It
	// is not stored: it helps to check a mapping.
	Stated Status `json:"-"`
}

// Line is one line of an order. LineID identifies it within the order.
type Line struct {
	// LineID is the supplier's number of the line. It is a text: "001" is not "1".
	LineID string `json:"line_id"`
	// ArticleID is the supplier's article number.
	ArticleID Text `json:"article_id"`
	// BuyerArticleID is the customer's article number.
	BuyerArticleID Text `json:"buyer_article_id"`
	// EAN is the article's EAN (GTIN).
	EAN Text `json:"ean"`
	// Description is the article in the supplier's words.
	Description Text `json:"description"`
	// Status is derived from the schedule lines, unless the provider states the line's status.
	Status Status `json:"status"`
	// RequestedOn is the day that the customer requested.
	RequestedOn Date `json:"requested_on"`
	// PromisedOn is the day that the supplier promised: the latest of the parts that still wait, null
	// if such a part has no promise; if nothing waits, the latest promised day. The day of despatch is
	// in despatches. The three are never merged.
	PromisedOn Date `json:"promised_on"`
	// Ordered is the ordered number of pieces; null if the provider does not state it.
	Ordered Quantity `json:"ordered"`
	Amounts
	// Schedule are the parts of the line with promises of their own, sorted. They have no ids.
	Schedule []ScheduleLine `json:"schedule"`
	// Despatches are the shipments of the line, sorted. They have no ids.
	Despatches []Despatch `json:"despatches"`
	// Unread are the fields that could not be read. It is not stored.
	Unread Unread `json:"-"`
}

// Amounts are quantities by state. A unit is in one state only; NULL means that the provider does not
// state it.
type Amounts struct {
	// Confirmed is the number of pieces that the supplier has confirmed; null if not stated.
	Confirmed Quantity `json:"confirmed"`
	// Backordered is the number of pieces that are out of stock; null if not stated.
	Backordered Quantity `json:"backordered"`
	// Cancelled is the number of cancelled pieces; null if not stated.
	Cancelled Quantity `json:"cancelled"`
	// Scheduled is the number of pieces with a planned despatch; null if not stated.
	Scheduled Quantity `json:"scheduled"`
	// Open is the number of pieces that are neither confirmed nor scheduled yet; null if not stated.
	Open Quantity `json:"open"`
	// Shipped is the number of shipped pieces; null if not stated.
	Shipped Quantity `json:"shipped"`
}

// ScheduleLine is one part of a line with its own promise (EDIWheel scheduleDetails). Schedule lines
// have no ids; they are sorted.
type ScheduleLine struct {
	// DeliveryOn is the promised day.
	DeliveryOn Date `json:"delivery_on"`
	// Ordered is the ordered number of pieces of this part; null if not stated.
	Ordered Quantity `json:"ordered"`
	Amounts
}

// Despatch is one shipment of a part of a line.
type Despatch struct {
	// DespatchedOn is the day of despatch.
	DespatchedOn Date `json:"despatched_on"`
	// AdviceID is the bill of lading.
	AdviceID Text `json:"advice_id"`
	// Quantity is the number of pieces; null if not stated.
	Quantity Quantity `json:"quantity"`
}

// Status is the status of an order or a line. If parts differ, the first that applies counts:
// partially_shipped if something was shipped and something waits; what waits, in the order
// backordered, open, confirmed, scheduled; shipped; cancelled.
type Status string

// The statuses. [Order.Normalize] has the rules that derive them.
const (
	StatusBackordered      Status = "backordered"       // something is out of stock; nothing was shipped
	StatusOpen             Status = "open"              // received, and something is not confirmed yet; nothing was shipped
	StatusConfirmed        Status = "confirmed"         // everything that waits is confirmed, and something has no planned despatch
	StatusScheduled        Status = "scheduled"         // everything that waits has a planned despatch
	StatusPartiallyShipped Status = "partially_shipped" // something was shipped, something waits
	StatusShipped          Status = "shipped"           // nothing waits, and something was shipped; final
	StatusDelivered        Status = "delivered"         // the provider states the delivery; final
	StatusCancelled        Status = "cancelled"         // everything was cancelled, or the provider states it; final
	StatusUnknown          Status = "unknown"           // the provider states no known status; not final
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
