package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"orderbeat/clients"
	"orderbeat/db"
)

// printDocuments lists an order's shipments and invoices. Of what they hold, only this
// order's part is counted.
func printDocuments(w io.Writer, orderID string, d db.OrderDocuments) error {
	var sent, billed [][]string
	for _, a := range d.Advices {
		sent = append(sent, []string{
			orDash(string(a.BillOfLading)), orDash(string(a.Carrier)), orDash(strings.Join(a.Tracking, " ")),
			orDash(string(a.DespatchedOn)), orDash(string(a.ExpectedOn)), shippedTo(orderID, a).String(),
		})
	}
	for _, i := range d.Invoices {
		billed = append(billed, []string{
			i.Number, string(i.Type), orDash(string(i.InvoicedOn)), orDash(string(i.DueOn)), money(i),
		})
	}
	if len(sent) > 0 {
		fmt.Fprintln(w)
		if err := printTable(w, []string{"SHIPMENT", "CARRIER", "TRACKING", "DESPATCHED", "EXPECTED", "QUANTITY"}, sent); err != nil {
			return err
		}
	}
	if len(billed) == 0 {
		return nil
	}
	fmt.Fprintln(w)
	return printTable(w, []string{"INVOICE", "TYPE", "INVOICED", "DUE", "TOTAL"}, billed)
}

// shippedTo is how much of an order an advice tells of.
func shippedTo(orderID string, a clients.Advice) (sum clients.Quantity) {
	for _, l := range a.Lines {
		if string(l.OrderID) == orderID {
			sum = sum.Plus(l.Quantity)
		}
	}
	return sum
}

// money is an invoice's total with its currency.
func money(i clients.Invoice) string {
	return strings.TrimSpace(orDash(string(i.TotalAmount)) + " " + string(i.Currency))
}

// describeEvent tells what an event is about, one line for each thing.
func describeEvent(e db.Event) ([]string, error) {
	again := "" // of a document that was told of before
	if e.DespatchAdvice != nil || e.Invoice != nil {
		var changes []struct{ Before any }
		if err := json.Unmarshal(e.Changes, &changes); err != nil {
			return nil, err
		}
		if changes[0].Before != nil {
			again = " changed"
		}
	}
	switch {
	case e.DespatchAdvice != nil:
		var a clients.Advice
		err := json.Unmarshal(e.DespatchAdvice, &a)
		return []string{describeAdvice(a, again)}, err
	case e.Invoice != nil:
		var i clients.Invoice
		err := json.Unmarshal(e.Invoice, &i)
		return []string{fmt.Sprintf("invoice %s%s: %s, %s, due %s", i.Number, again, i.Type, money(i), orDash(string(i.DueOn)))}, err
	}
	return describeChanges(e.Changes)
}

func describeAdvice(a clients.Advice, again string) string {
	told := fmt.Sprintf("despatch advice %s%s: left %s with %s, expected %s",
		a.AdviceID, again, orDash(string(a.DespatchedOn)), orDash(string(a.Carrier)), orDash(string(a.ExpectedOn)))
	if len(a.Tracking) > 0 {
		told += ", tracking " + strings.Join(a.Tracking, " ")
	}
	return told
}
