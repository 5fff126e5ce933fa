package orders

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"orderbeat/clients"
	"orderbeat/cmd/orderbeat/cli"
	"orderbeat/db"
	"orderbeat/db/documents"
	"orderbeat/db/orders"
	"orderbeat/db/outbox"
	"orderbeat/worker/api"
)

// ShowCommand returns the command that shows one order.
func ShowCommand(a *cli.App) *cobra.Command {
	var o orderOptions
	c := &cobra.Command{
		Use:   "order <id|reference>",
		Short: "Show one order with its lines and history",
		Long: `Show one order, by the supplier's number or by your own (PO): its lines, schedule,
despatches, shipments, invoices and history. The number or reference can be abbreviated to a
unique prefix. Reads the database; no worker needs to run.

With --live, the running worker requests the order from the provider now and stores it. If
the provider does not respond, the order is shown as stored, and the exit status is 1. An
order that is not stored needs --provider and --account.`,
		Example: `  orderbeat order SO10234567
  orderbeat order PO-104233 --account detroit
  orderbeat order PO-104233 --live
  orderbeat order PO-104233 --json`,
		Args: cli.OneArg("the order's number or reference"),
		RunE: func(c *cobra.Command, args []string) error {
			o.name = args[0]
			return showOrder(c.Context(), a, o)
		},
	}
	a.ProviderFlag(c, &o.provider)
	a.AccountFlag(c, &o.account)
	c.Flags().BoolVar(&o.live, "live", false, "request the order from the provider first")
	c.Flags().DurationVar(&o.timeout, "timeout", 30*time.Second, "how long --live waits for the provider, at most 10m")
	cli.JSONFlag(c, &o.asJSON)
	return a.CompleteArg(c, late(a))
}

// late proposes late orders.
func late(a *cli.App) func(ctx context.Context) []string {
	return func(ctx context.Context) (ids []string) {
		_ = a.ReadDatabase(ctx, func(database *db.DB) error {
			const proposed = 20
			list, _, err := database.Orders(ctx, orders.OrderFilter{Late: true, Limit: proposed})
			for _, o := range list {
				ids = append(ids, cobra.CompletionWithDesc(cli.Plain(o.OrderID), cli.Plain(fmt.Sprintf("%s %s/%s, %s late", o.Reference, o.Provider, o.Account, cli.Count(o.DaysLate, "day")))))
			}
			return err
		})
		return ids
	}
}

type orderOptions struct {
	name, provider, account string
	live, asJSON            bool
	timeout                 time.Duration
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
	if len(found) > 1 {
		return ambiguous(a, o, found)
	}
	var reply *liveReply
	if o.live {
		got, err := requestLive(ctx, a, o, found)
		if err != nil {
			return err
		}
		reply = &got
		if found, err = findOrders(ctx, database, o); err != nil {
			return err
		}
	}
	if len(found) == 0 {
		return cli.Exit(cli.Failed, fmt.Errorf("order %q not found; `orderbeat orders` lists all orders", o.name))
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
		view := map[string]any{"order": found[0], "despatch_advices": documents.Advices, "invoices": documents.Invoices, "events": events}
		if reply != nil {
			view["live"] = reply
		}
		err = cli.PrintJSON(a.Stdout, view)
	} else {
		err = printOrder(a, found[0], documents, events)
	}
	if err == nil && reply != nil && reply.Error != nil {
		return cli.Exit(cli.Failed, nil)
	}
	return err
}

// ambiguous lists the first orders that match a name.
func ambiguous(a *cli.App, o orderOptions, found []orders.StoredOrder) error {
	if err := ordersTable(a, a.Stderr, found[:min(len(found), maxCandidates)]); err != nil {
		return err
	}
	more := ""
	if len(found) > maxCandidates {
		more = " (the first are shown)"
	}
	return cli.Exit(cli.Usage, fmt.Errorf("%q matches several orders%s: give the whole order number, --account or --provider", o.name, more))
}

// maxCandidates is the maximum number of orders that an error lists.
const maxCandidates = 10

// findOrders finds orders by the supplier's number, or else by the customer's, or else those whose
// numbers begin with the name.
func findOrders(ctx context.Context, database *db.DB, o orderOptions) ([]orders.StoredOrder, error) {
	for _, f := range []orders.OrderFilter{{OrderID: o.name}, {Reference: o.name}, {Prefix: o.name}, {ReferencePrefix: o.name}} {
		f.Provider, f.Account, f.Limit = o.provider, o.account, maxCandidates+1
		found, _, err := database.Orders(ctx, f)
		if err != nil || len(found) > 0 {
			return found, err
		}
	}
	return nil, nil
}

func printOrder(a *cli.App, o orders.StoredOrder, documents documents.OrderDocuments, events []outbox.Event) error {
	w := a.Stdout
	fmt.Fprintf(w, "%s  %s  %s\n", cli.Plain(o.OrderID), cli.Plain(cli.OrDash(string(o.Reference))), cli.Plain(o.Provider+"/"+o.Account))
	cli.PrintState(w, string(o.Status))
	fmt.Fprintf(w, ": %s ordered, %s shipped, %s open; promised %s%s\n",
		o.OrderedQuantity, o.ShippedQuantity, o.OpenQuantity, cli.OrDash(string(o.PromisedOn)), lateness(o))
	fmt.Fprintf(w, "ordered on %s; revision %d, changed %s, last seen %s\n\n",
		cli.OrDash(string(o.OrderedOn)), o.Revision, a.Minute(o.LastChangedAt), a.Minute(o.LastSeenAt))
	if o.NotFoundSince != nil {
		fmt.Fprintf(w, "the provider no longer knows this order: not found since %s\n\n", a.Minute(*o.NotFoundSince))
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
	return printTimeline(a, events)
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
			waiting = append(waiting, []string{l.LineID, cli.OrDash(string(s.DeliveryOn)), cli.OrDash(api.Quantities(s.Amounts))})
		}
		for _, d := range l.Despatches {
			sent = append(sent, []string{l.LineID, cli.OrDash(string(d.DespatchedOn)), d.Quantity.String(), cli.OrDash(string(d.AdviceID))})
		}
	}
	return errors.Join(
		section(w, []string{"LINE", "DELIVERY", "QUANTITIES"}, waiting),
		section(w, []string{"LINE", "DESPATCHED", "QUANTITY", "ADVICE"}, sent),
	)
}

// section prints a table after an empty line, and nothing without rows.
func section(w io.Writer, head []string, rows [][]string) error {
	if len(rows) == 0 {
		return nil
	}
	fmt.Fprintln(w)
	return cli.PrintTable(w, head, rows)
}
