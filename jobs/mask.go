package jobs

import (
	"fmt"

	"orderbeat/clients"
)

// Mask applies mask, in place, to every text from the provider: orders, documents and the error.
// An order or document whose id mask changes is dropped and the outcome becomes partial, because
// the masked id could collide with another. Exchanges are already redacted.
func (o *Outcome) Mask(mask func(string) string) {
	if o.Err != nil {
		o.Err.Message, o.Err.Hint = mask(o.Err.Message), mask(o.Err.Hint)
	}
	n := len(o.Orders) + len(o.Advices) + len(o.Invoices)
	o.Orders = masked(o.Orders, mask, func(v *clients.Order) string { return v.OrderID })
	o.Advices = masked(o.Advices, mask, func(v *clients.Advice) string { return v.AdviceID })
	o.Invoices = masked(o.Invoices, mask, func(v *clients.Invoice) string { return v.Number })
	n -= len(o.Orders) + len(o.Advices) + len(o.Invoices)
	if n == 0 {
		return
	}
	message := fmt.Sprintf("%d orders or documents not stored: secret in the id", n)
	if o.Err == nil {
		o.State, o.Err = Partial, &clients.Error{Op: "request", Code: clients.CodeInvalid, Hint: "Ask the provider why its responses contain credentials."}
	} else {
		o.Err.Message += "; "
	}
	o.Err.Message += message
}

// editable is an order or a document.
type editable[T any] interface {
	*T
	EditTexts(edit func(string) string)
	Normalize()
}

// masked applies mask to a list and drops the entries whose id changes.
func masked[T any, P editable[T]](list []T, mask func(string) string, id func(*T) string) []T {
	kept := list[:0]
	for i := range list {
		v, changed := &list[i], false
		before := id(v)
		P(v).EditTexts(func(s string) string {
			edited := mask(s)
			changed = changed || edited != s
			return edited
		})
		if changed {
			P(v).Normalize() // two lines may have the same id now
		}
		if id(v) == before {
			kept = append(kept, *v)
		}
	}
	return kept
}
