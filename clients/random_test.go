package clients_test

import (
	"math/rand/v2"
	"slices"
	"strconv"

	"orderbeat/clients"
)

// randomOrder makes an order of few and small values, so that two of them are often
// alike in parts.
func randomOrder(r *rand.Rand) clients.Order {
	o := clients.Order{Reference: pick(r, "", "PO1", " PO1"), OrderedOn: randomDate(r), Method: pick(r, "", "EDI PO")}
	for i := range r.IntN(4) {
		l := clients.Line{
			LineID: strconv.Itoa(i + 1), ArticleID: pick(r, "", "10001"), BuyerArticleID: pick(r, "", "B-1"), EAN: pick(r, "", "0000000000017"),
			Description: pick(r, "", "265/70R17 SAMPLE TREAD A"), RequestedOn: randomDate(r), Ordered: randomQuantity(r),
		}
		for range r.IntN(3) {
			l.Schedule = append(l.Schedule, clients.ScheduleLine{DeliveryOn: randomDate(r), Ordered: randomQuantity(r), Amounts: clients.Amounts{
				Confirmed: randomQuantity(r), Backordered: randomQuantity(r), Cancelled: randomQuantity(r),
				Scheduled: randomQuantity(r), Open: randomQuantity(r), Shipped: randomQuantity(r),
			}})
		}
		for range r.IntN(3) {
			l.Despatches = append(l.Despatches, clients.Despatch{DespatchedOn: randomDate(r), AdviceID: pick(r, "", "BOL1"), Quantity: randomQuantity(r)})
		}
		o.Lines = append(o.Lines, l)
	}
	return o
}

func pick(r *rand.Rand, values ...clients.Text) clients.Text { return values[r.IntN(len(values))] }

func randomDate(r *rand.Rand) clients.Date {
	return clients.Date(pick(r, "", "2026-01-18", "2026-01-20", "9999-12-31"))
}

func randomQuantity(r *rand.Rand) clients.Quantity {
	if n := r.Int64N(6); n < 3 {
		return clients.Pieces(n)
	}
	return clients.Quantity{}
}

// shuffle copies an order with its arrays in another order.
func shuffle(r *rand.Rand, o clients.Order) clients.Order {
	o.Lines = shuffled(r, o.Lines)
	for i := range o.Lines {
		l := &o.Lines[i]
		l.Schedule, l.Despatches = shuffled(r, l.Schedule), shuffled(r, l.Despatches)
	}
	return o
}

func shuffled[T any](r *rand.Rand, values []T) []T {
	values = slices.Clone(values)
	r.Shuffle(len(values), func(i, j int) { values[i], values[j] = values[j], values[i] })
	return values
}
