package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"orderbeat/clients"
	"orderbeat/db"
)

func orderCommand(a *app) *cobra.Command {
	var o orderOptions
	c := &cobra.Command{
		Use:   "order <id|reference>",
		Short: "Show one order with its lines and history",
		Long: `Show one order, by the supplier's number or by your own (PO): its lines, schedule,
despatches, shipments, invoices and history. Reads the database; no worker needs to run.
Times are UTC.`,
		Example: `  orderbeat order SO10234567
  orderbeat order PO-104233 --account detroit
  orderbeat order PO-104233 --json`,
		Args: one("the order's number or reference"),
		RunE: func(c *cobra.Command, args []string) error {
			o.name = args[0]
			return showOrder(a, c.Context(), o)
		},
	}
	c.Flags().StringVar(&o.provider, "provider", "", "provider of the order")
	c.Flags().StringVar(&o.account, "account", "", "account of the order")
	jsonFlag(c, &o.asJSON)
	return c
}

type orderOptions struct {
	name, provider, account string
	asJSON                  bool
}

func showOrder(a *app, ctx context.Context, o orderOptions) error {
	if o.name == "" {
		return misuse("give an order number or a reference")
	}
	database, err := a.openDatabase(ctx)
	if err != nil {
		return err
	}
	defer database.Close()
	found, err := findOrders(ctx, database, o)
	if err != nil {
		return err
	}
	switch len(found) {
	case 0:
		return exit(failed, fmt.Errorf("order %q not found; `orderbeat orders` lists all orders", o.name))
	case 1:
	default:
		if err := ordersTable(a.stderr, found); err != nil {
			return err
		}
		return exit(usage, fmt.Errorf("%q matches several orders: give the order number, --account or --provider", o.name))
	}
	events, err := readHistory(ctx, database, found[0])
	if err != nil {
		return err
	}
	documents, err := database.Documents(ctx, found[0].Provider, found[0].Account, found[0].OrderID)
	if err != nil {
		return err
	}
	if o.asJSON {
		return printJSON(a.stdout, map[string]any{
			"order": found[0], "despatch_advices": documents.Advices, "invoices": documents.Invoices, "events": events,
		})
	}
	return printOrder(a.stdout, found[0], documents, events)
}

// findOrders looks for orders by the supplier's number, and when there is none by
// the customer's.
func findOrders(ctx context.Context, database *db.DB, o orderOptions) ([]db.StoredOrder, error) {
	const most = 50
	f := db.OrderFilter{Provider: o.provider, Account: o.account, Limit: most}
	f.OrderID = o.name
	found, _, err := database.Orders(ctx, f)
	if err != nil || len(found) > 0 {
		return found, err
	}
	f.OrderID, f.Reference = "", o.name
	found, _, err = database.Orders(ctx, f)
	return found, err
}

func printOrder(w io.Writer, o db.StoredOrder, documents db.OrderDocuments, events []db.Event) error {
	fmt.Fprintf(w, "%s  %s  %s\n", plain(o.OrderID), plain(orDash(string(o.Reference))), plain(o.Provider+"/"+o.Account))
	fmt.Fprintf(w, "%s: %s ordered, %s shipped, %s open; promised %s%s\n",
		o.Status, o.OrderedQuantity, o.ShippedQuantity, o.OpenQuantity, orDash(string(o.PromisedOn)), lateness(o))
	fmt.Fprintf(w, "ordered on %s; revision %d, changed %s, last seen %s\n\n",
		orDash(string(o.OrderedOn)), o.Revision, minute(o.LastChangedAt), minute(o.LastSeenAt))
	if o.NotFoundSince != nil {
		fmt.Fprintf(w, "the provider no longer knows this order: not found since %s\n\n", minute(*o.NotFoundSince))
	}
	rows := make([][]string, len(o.Lines))
	for i, l := range o.Lines {
		rows[i] = []string{
			l.LineID, orDash(string(l.ArticleID)), orDash(string(l.Description)), string(l.Status), l.Ordered.String(),
			l.Shipped.String(), l.Backordered.String(), orDash(string(l.RequestedOn)), orDash(string(l.PromisedOn)),
		}
	}
	if err := printTable(w, []string{"LINE", "ARTICLE", "DESCRIPTION", "STATUS", "ORDERED", "SHIPPED", "BACKORDERED", "REQUESTED", "PROMISED"}, rows); err != nil {
		return err
	}
	if err := printDeliveries(w, o.Lines); err != nil {
		return err
	}
	if err := printDocuments(w, o.OrderID, documents); err != nil {
		return err
	}
	return printTimeline(w, events)
}

// lateness says how late an order is: ", 3 days late (2026-11-24)".
func lateness(o db.StoredOrder) string {
	if o.DaysLate == 0 {
		return ""
	}
	return fmt.Sprintf(", %s late (%s)", count(o.DaysLate, "day"), o.NextPromisedOn)
}

// printDeliveries lists what is scheduled for which day, and what was despatched.
func printDeliveries(w io.Writer, lines []clients.Line) error {
	var waiting, sent [][]string
	for _, l := range lines {
		for _, s := range l.Schedule {
			waiting = append(waiting, []string{l.LineID, orDash(string(s.DeliveryOn)), amounts(s.Amounts)})
		}
		for _, d := range l.Despatches {
			sent = append(sent, []string{l.LineID, orDash(string(d.DespatchedOn)), d.Quantity.String(), orDash(string(d.AdviceID))})
		}
	}
	if len(waiting) > 0 {
		fmt.Fprintln(w)
		if err := printTable(w, []string{"LINE", "DELIVERY", "QUANTITIES"}, waiting); err != nil {
			return err
		}
	}
	if len(sent) == 0 {
		return nil
	}
	fmt.Fprintln(w)
	return printTable(w, []string{"LINE", "DESPATCHED", "QUANTITY", "ADVICE"}, sent)
}

// amounts says what there is of each state: "2 scheduled, 1 open".
func amounts(a clients.Amounts) string {
	var parts []string
	for _, p := range []struct {
		quantity clients.Quantity
		state    string
	}{
		{a.Confirmed, "confirmed"},
		{a.Backordered, "backordered"},
		{a.Cancelled, "cancelled"},
		{a.Scheduled, "scheduled"},
		{a.Open, "open"},
		{a.Shipped, "shipped"},
	} {
		if p.quantity.Some() {
			parts = append(parts, p.quantity.String()+" "+p.state)
		}
	}
	return orDash(strings.Join(parts, ", "))
}
