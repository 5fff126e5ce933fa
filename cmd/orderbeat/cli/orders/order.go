package orders

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"orderbeat/clients"
	"orderbeat/cmd/orderbeat/cli"
	"orderbeat/db"
	"orderbeat/db/documents"
	"orderbeat/db/orders"
	"orderbeat/db/outbox"
)

// ShowCommand returns the command that shows one order.
func ShowCommand(a *cli.App) *cobra.Command {
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
		Args: cli.OneArg("the order's number or reference"),
		RunE: func(c *cobra.Command, args []string) error {
			o.name = args[0]
			return showOrder(c.Context(), a, o)
		},
	}
	c.Flags().StringVar(&o.provider, "provider", "", "provider of the order")
	c.Flags().StringVar(&o.account, "account", "", "account of the order")
	cli.JSONFlag(c, &o.asJSON)
	return c
}

type orderOptions struct {
	name, provider, account string
	asJSON                  bool
}

func showOrder(ctx context.Context, a *cli.App, o orderOptions) error {
	if o.name == "" {
		return cli.Misuse("give an order number or a reference")
	}
	database, err := a.OpenDatabase(ctx)
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
		return cli.Exit(cli.Failed, fmt.Errorf("order %q not found; `orderbeat orders` lists all orders", o.name))
	case 1:
	default:
		if err := ordersTable(a.Stderr, found); err != nil {
			return err
		}
		return cli.Exit(cli.Usage, fmt.Errorf("%q matches several orders: give the order number, --account or --provider", o.name))
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
		return cli.PrintJSON(a.Stdout, map[string]any{
			"order": found[0], "despatch_advices": documents.Advices, "invoices": documents.Invoices, "events": events,
		})
	}
	return printOrder(a.Stdout, found[0], documents, events)
}

// findOrders finds orders by the supplier's number, or else by the customer's.
func findOrders(ctx context.Context, database *db.DB, o orderOptions) ([]orders.StoredOrder, error) {
	const most = 50
	f := orders.OrderFilter{Provider: o.provider, Account: o.account, Limit: most}
	f.OrderID = o.name
	found, _, err := database.Orders(ctx, f)
	if err != nil || len(found) > 0 {
		return found, err
	}
	f.OrderID, f.Reference = "", o.name
	found, _, err = database.Orders(ctx, f)
	return found, err
}

func printOrder(w io.Writer, o orders.StoredOrder, documents documents.OrderDocuments, events []outbox.Event) error {
	fmt.Fprintf(w, "%s  %s  %s\n", cli.Plain(o.OrderID), cli.Plain(cli.OrDash(string(o.Reference))), cli.Plain(o.Provider+"/"+o.Account))
	fmt.Fprintf(w, "%s: %s ordered, %s shipped, %s open; promised %s%s\n",
		o.Status, o.OrderedQuantity, o.ShippedQuantity, o.OpenQuantity, cli.OrDash(string(o.PromisedOn)), lateness(o))
	fmt.Fprintf(w, "ordered on %s; revision %d, changed %s, last seen %s\n\n",
		cli.OrDash(string(o.OrderedOn)), o.Revision, cli.Minute(o.LastChangedAt), cli.Minute(o.LastSeenAt))
	if o.NotFoundSince != nil {
		fmt.Fprintf(w, "the provider no longer knows this order: not found since %s\n\n", cli.Minute(*o.NotFoundSince))
	}
	rows := make([][]string, len(o.Lines))
	for i, l := range o.Lines {
		rows[i] = []string{
			l.LineID, cli.OrDash(string(l.ArticleID)), cli.OrDash(string(l.Description)), string(l.Status), l.Ordered.String(),
			l.Shipped.String(), l.Backordered.String(), cli.OrDash(string(l.RequestedOn)), cli.OrDash(string(l.PromisedOn)),
		}
	}
	if err := cli.PrintTable(w, []string{"LINE", "ARTICLE", "DESCRIPTION", "STATUS", "ORDERED", "SHIPPED", "BACKORDERED", "REQUESTED", "PROMISED"}, rows); err != nil {
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

// lateness returns how late an order is: ", 3 days late (2026-11-24)".
func lateness(o orders.StoredOrder) string {
	if o.DaysLate == 0 {
		return ""
	}
	return fmt.Sprintf(", %s late (%s)", cli.Count(o.DaysLate, "day"), o.NextPromisedOn)
}

// printDeliveries lists scheduled quantities by date, and despatches.
func printDeliveries(w io.Writer, lines []clients.Line) error {
	var waiting, sent [][]string
	for _, l := range lines {
		for _, s := range l.Schedule {
			waiting = append(waiting, []string{l.LineID, cli.OrDash(string(s.DeliveryOn)), amounts(s.Amounts)})
		}
		for _, d := range l.Despatches {
			sent = append(sent, []string{l.LineID, cli.OrDash(string(d.DespatchedOn)), d.Quantity.String(), cli.OrDash(string(d.AdviceID))})
		}
	}
	if len(waiting) > 0 {
		fmt.Fprintln(w)
		if err := cli.PrintTable(w, []string{"LINE", "DELIVERY", "QUANTITIES"}, waiting); err != nil {
			return err
		}
	}
	if len(sent) == 0 {
		return nil
	}
	fmt.Fprintln(w)
	return cli.PrintTable(w, []string{"LINE", "DESPATCHED", "QUANTITY", "ADVICE"}, sent)
}

// amounts formats the quantities by state: "2 scheduled, 1 open".
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
	return cli.OrDash(strings.Join(parts, ", "))
}
