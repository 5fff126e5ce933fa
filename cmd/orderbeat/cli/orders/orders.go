package orders

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"orderbeat/clients"
	"orderbeat/cmd/orderbeat/cli"
	"orderbeat/db"
	"orderbeat/db/orders"
)

// ListCommand returns the command that lists orders.
func ListCommand(a *cli.App) *cobra.Command {
	var o ordersOptions
	c := &cobra.Command{
		Use:   "orders",
		Short: "List orders",
		Long: `List orders as last reported, sorted by account and number; with --since by their
last change. Reads the database; no worker needs to run.

--late lists orders with an open promise before today, in the account's time zone. PROMISED
is the earliest such promise.

NOT FOUND SINCE is shown if the provider no longer reports one of the orders: the time of the
first request by number whose response did not contain the order.`,
		Example: `  orderbeat orders --late
  orderbeat orders --open --account detroit
  orderbeat orders --since 24h --csv > changed.csv
  orderbeat orders --reference PO-104233 --json`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return listOrders(c.Context(), a, o) },
	}
	f := c.Flags()
	a.ProviderFlag(c, &o.provider)
	a.AccountFlag(c, &o.account)
	cli.ChoiceFlag(c, &o.status, "status", "only this status", clients.Statuses)
	cli.SinceFlag(c, &o.since, "")
	f.BoolVar(&o.open, "open", false, "only orders that are not complete")
	f.BoolVar(&o.late, "late", false, "only late orders")
	f.StringVar(&o.reference, "reference", "", "only orders with this reference (PO)")
	cli.LimitFlag(c, &o.limit, 50)
	cli.JSONFlag(c, &o.asJSON)
	f.BoolVar(&o.asCSV, "csv", false, "print CSV")
	c.MarkFlagsMutuallyExclusive("json", "csv")
	return c
}

type ordersOptions struct {
	open, late                                  bool
	provider, account, status, since, reference string
	limit                                       int
	asJSON, asCSV                               bool
}

func (o ordersOptions) filter(a *cli.App) (orders.OrderFilter, error) {
	f := orders.OrderFilter{
		Provider: o.provider, Account: o.account, Status: clients.Status(o.status), Reference: o.reference,
		Open: o.open, Late: o.late, Limit: o.limit,
	}
	if err := cli.CheckList(o.limit, "status", o.status, clients.Statuses); err != nil {
		return f, err
	}
	var err error
	f.ChangedSince, err = a.ParseSince("since", o.since)
	return f, err
}

func listOrders(ctx context.Context, a *cli.App, o ordersOptions) error {
	filter, err := o.filter(a)
	if err != nil {
		return err
	}
	database, err := a.OpenDatabase(ctx)
	if err != nil {
		return err
	}
	defer database.Close()
	if o.asJSON || o.asCSV {
		print := ordersCSV(a.Stdout)
		if o.asJSON {
			print = ordersJSON(a.Stdout)
		}
		n, more, err := eachPage(ctx, database, filter, print)
		if more {
			noteMore(a, n)
		}
		if err == nil {
			err = a.CheckFound(n, filter.Provider, filter.Account)
		}
		return err
	}
	var found []orders.StoredOrder
	_, more, err := eachPage(ctx, database, filter, func(page []orders.StoredOrder, _ bool) error {
		for _, o := range page {
			o.Lines = nil // not shown in tables, and possibly large
			found = append(found, o)
		}
		return nil
	})
	switch {
	case err != nil:
		return err
	case len(found) == 0:
		if err := a.CheckFound(0, filter.Provider, filter.Account); err != nil {
			return err
		}
		fmt.Fprintln(a.Stderr, "no orders match")
		return nil
	case more:
		noteMore(a, len(found))
	}
	if o.late {
		return lateTable(a, found)
	}
	return ordersTable(a, a.Stdout, found)
}

func noteMore(a *cli.App, n int) {
	fmt.Fprintf(a.Stderr, "first %s shown; there are more, see --limit\n", cli.Count(n, "order"))
}

// printBytes is roughly how many bytes of orders are read before they are printed.
const printBytes = 4 << 20

// eachPage calls print for the orders that match a filter, a few megabytes at a time, the last
// time with end true. No read transaction is open while it prints, so that a slow pager or
// pipe does not keep an old snapshot of the database. It returns the number of orders, and
// whether there are more than the filter's limit.
func eachPage(ctx context.Context, database *db.DB, f orders.OrderFilter, print func(page []orders.StoredOrder, end bool) error) (n int, more bool, err error) {
	for most := f.Limit; ; {
		f.Limit = most - n
		page, size := []orders.StoredOrder{}, 0
		more = false
		for o, err := range database.EachOrder(ctx, f) {
			if err != nil {
				return n, false, err
			}
			if more = len(page) == f.Limit || size >= printBytes; more {
				break
			}
			page, size = append(page, o), size+256+512*len(o.Lines)
		}
		n += len(page)
		end := !more || n == most
		if err := print(page, end); err != nil || end {
			return n, more, err
		}
		f.Cursor = f.CursorAfter(&page[len(page)-1])
	}
}

// ordersJSON writes one document, {"orders": […]}.
func ordersJSON(w io.Writer) func(page []orders.StoredOrder, end bool) error {
	before := "{\n  \"orders\": ["
	written := false
	return func(page []orders.StoredOrder, end bool) error {
		var out bytes.Buffer
		enc := json.NewEncoder(&out)
		enc.SetEscapeHTML(false)
		enc.SetIndent("    ", "  ")
		for _, o := range page {
			out.WriteString(before + "\n    ")
			if err := enc.Encode(o); err != nil {
				return err
			}
			out.Truncate(out.Len() - 1) // the newline
			before, written = ",", true
		}
		switch {
		case end && written:
			out.WriteString("\n  ]\n}\n")
		case end:
			out.WriteString(before + "]\n}\n")
		}
		_, err := w.Write(cli.EscapeJSON(out.Bytes()))
		return err
	}
}

// lateTable lists orders by how late they are.
func lateTable(a *cli.App, list []orders.StoredOrder) error {
	slices.SortStableFunc(list, func(a, b orders.StoredOrder) int { return cmp.Compare(b.DaysLate, a.DaysLate) })
	return printOrders(a, a.Stdout, list, "DAYS LATE", func(o orders.StoredOrder) (promised clients.Date, last string) {
		return o.NextPromisedOn, fmt.Sprint(o.DaysLate)
	})
}

func ordersTable(a *cli.App, w io.Writer, list []orders.StoredOrder) error {
	return printOrders(a, w, list, a.Head("CHANGED"), func(o orders.StoredOrder) (promised clients.Date, last string) {
		return o.PromisedOn, a.Minute(o.LastChangedAt)
	})
}

// printOrders prints a table of orders. The column NOT FOUND SINCE appears if the provider no
// longer knows one of them.
func printOrders(a *cli.App, w io.Writer, list []orders.StoredOrder, last string, own func(orders.StoredOrder) (promised clients.Date, last string)) error {
	header := []string{"ORDER", "REFERENCE", "ACCOUNT", "STATUS", "ORDERED", "SHIPPED", "OPEN", "PROMISED", last}
	lost := slices.ContainsFunc(list, func(o orders.StoredOrder) bool { return o.NotFoundSince != nil })
	if lost {
		header = append(header, a.Head("NOT FOUND SINCE"))
	}
	rows := make([][]string, len(list))
	for i, o := range list {
		promised, last := own(o)
		rows[i] = []string{
			o.OrderID, cli.OrDash(string(o.Reference)), o.Provider + "/" + o.Account, string(o.Status),
			o.OrderedQuantity.String(), o.ShippedQuantity.String(), o.OpenQuantity.String(),
			cli.OrDash(string(promised)), last,
		}
		if lost {
			since := "-"
			if o.NotFoundSince != nil {
				since = a.Minute(*o.NotFoundSince)
			}
			rows[i] = append(rows[i], since)
		}
	}
	return cli.PrintTable(w, header, rows)
}
