package jobs

import (
	"fmt"

	"orderbeat/clients"
)

// Mask passes every text that a provider reported through text, in place: of the orders and
// documents, and of the error. What has an id that text changes is left out, and the outcome is
// partial: its id could become another's. Exchanges are redacted already.
func (o *Outcome) Mask(text func(string) string) {
	if o.Err != nil {
		o.Err.Message, o.Err.Hint = text(o.Err.Message), text(o.Err.Hint)
	}
	n := len(o.Orders) + len(o.Advices) + len(o.Invoices)
	o.Orders = masked(o.Orders, text, func(v *clients.Order) string { return v.OrderID })
	o.Advices = masked(o.Advices, text, func(v *clients.Advice) string { return v.AdviceID })
	o.Invoices = masked(o.Invoices, text, func(v *clients.Invoice) string { return v.Number })
	n -= len(o.Orders) + len(o.Advices) + len(o.Invoices)
	if n == 0 {
		return
	}
	message := fmt.Sprintf("%d orders or documents have a secret in their id and are not stored", n)
	if o.Err == nil {
		o.State, o.Err = Partial, &clients.Error{Op: "ask", Code: clients.CodeInvalid, Hint: "ask the provider why it sends credentials back"}
	} else {
		o.Err.Message += "; "
	}
	o.Err.Message += message
}

// editable is what a provider reports.
type editable[T any] interface {
	*T
	EditTexts(edit func(string) string)
	Normalize()
}

// masked edits a list, and leaves out what has another id then.
func masked[T any, P editable[T]](list []T, text func(string) string, id func(*T) string) []T {
	kept := list[:0]
	for i := range list {
		v, changed := &list[i], false
		before := id(v)
		P(v).EditTexts(func(s string) string {
			edited := text(s)
			changed = changed || edited != s
			return edited
		})
		if changed {
			P(v).Normalize() // lines may have got one id
		}
		if id(v) == before {
			kept = append(kept, *v)
		}
	}
	return kept
}
