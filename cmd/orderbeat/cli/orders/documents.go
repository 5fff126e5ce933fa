package orders

import (
	"errors"
	"io"
	"strings"

	"orderbeat/clients"
	"orderbeat/cmd/orderbeat/cli"
	"orderbeat/db/documents"
)

// printDocuments lists an order's shipments and invoices. Only quantities of this order are
// counted.
func printDocuments(w io.Writer, orderID string, d documents.OrderDocuments) error {
	var sent, billed [][]string
	for _, a := range d.Advices {
		sent = append(sent, []string{
			cli.OrDash(string(a.BillOfLading)), cli.OrDash(string(a.Carrier)), cli.OrDash(strings.Join(a.Tracking, " ")),
			cli.OrDash(string(a.DespatchedOn)), cli.OrDash(string(a.ExpectedOn)), shippedTo(orderID, a).String(),
		})
	}
	for _, i := range d.Invoices {
		billed = append(billed, []string{i.Number, string(i.Type), cli.OrDash(string(i.InvoicedOn)), cli.OrDash(string(i.DueOn)), money(i)})
	}
	return errors.Join(
		section(w, []string{"SHIPMENT", "CARRIER", "TRACKING", "DESPATCHED", "EXPECTED", "QUANTITY"}, sent),
		section(w, []string{"INVOICE", "TYPE", "INVOICED", "DUE", "TOTAL"}, billed),
	)
}

// shippedTo returns the quantity of an order in a despatch advice.
func shippedTo(orderID string, a clients.Advice) (sum clients.Quantity) {
	for _, l := range a.Lines {
		if string(l.OrderID) == orderID {
			sum = sum.Plus(l.Quantity)
		}
	}
	return sum
}

// money returns an invoice's total with its currency.
func money(i clients.Invoice) string {
	return strings.TrimSpace(cli.OrDash(string(i.TotalAmount)) + " " + string(i.Currency))
}
