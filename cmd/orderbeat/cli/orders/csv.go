package orders

import (
	"cmp"
	"encoding/csv"
	"fmt"
	"io"
	"time"

	"orderbeat/clients"
	"orderbeat/clients/plain"
	"orderbeat/db/orders"
)

// ordersCSV writes orders as CSV, with the column names of the table orders.
func ordersCSV(w io.Writer) func(page []orders.StoredOrder, end bool) error {
	out := csv.NewWriter(w)
	rows := [][]string{{
		"provider", "account", "order_id", "reference", "ordered_on", "method", "status", "ordered_quantity", "shipped_quantity",
		"open_quantity", "promised_on", "next_promised_on", "days_late", "revision", "first_seen_at", "last_seen_at", "last_changed_at",
		"not_found_since",
	}}
	return func(page []orders.StoredOrder, _ bool) error {
		for _, o := range page {
			notFound := ""
			if o.NotFoundSince != nil {
				notFound = instant(*o.NotFoundSince)
			}
			rows = append(rows, []string{
				plain.Cell(o.Provider), plain.Cell(o.Account), plain.Cell(o.OrderID), plain.Cell(string(o.Reference)),
				string(o.OrderedOn), plain.Cell(string(o.Method)), string(o.Status),
				number(o.OrderedQuantity), number(o.ShippedQuantity), number(o.OpenQuantity), string(o.PromisedOn), string(o.NextPromisedOn), fmt.Sprint(o.DaysLate), fmt.Sprint(o.Revision),
				instant(o.FirstSeenAt), instant(o.LastSeenAt), instant(o.LastChangedAt),
				notFound,
			})
		}
		err := cmp.Or(out.WriteAll(rows), out.Error())
		rows = rows[:0]
		return err
	}
}

// number formats a quantity; "" if unknown.
func number(q clients.Quantity) string {
	if !q.Known {
		return ""
	}
	return q.String()
}

func instant(t time.Time) string { return t.UTC().Format(time.RFC3339) }
