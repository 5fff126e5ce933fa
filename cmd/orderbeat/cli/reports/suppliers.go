package reports

import (
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"strconv"

	"github.com/spf13/cobra"

	"orderbeat/cmd/orderbeat/cli"
	"orderbeat/db/reports"
)

// Command returns the command report with its subcommands.
func Command(a *cli.App) *cobra.Command {
	return cli.Group(&cobra.Command{
		Use:   "report",
		Short: "Report how suppliers perform",
		Long:  `Report statistics from the history of orders. Reads the database; no worker needs to run.`,
	}, suppliersCommand(a))
}

type supplierOptions struct {
	by, provider, account, since string
	limit                        int
	asJSON, asCSV                bool
}

func suppliersCommand(a *cli.App) *cobra.Command {
	var o supplierOptions
	c := &cobra.Command{
		Use:   "suppliers",
		Short: "Report how reliably suppliers keep promised dates",
		Long: `Report how often and how far promised dates slip, and how lines are despatched against
their first promise, by provider, account, article or month. Reads the database; no worker
needs to run.

A line belongs to the month of its first promise; --since selects months. It slipped if its last promise is after
the first one. ON TIME and DAYS LATE compare the last despatch of a complete line with its
first promise. FILL RATE is the shipped share of the ordered quantity, of ended lines.

A running worker counts new revisions every 20 seconds.`,
		Example: `  orderbeat report suppliers
  orderbeat report suppliers --by article --provider michelin --since 90d
  orderbeat report suppliers --by month --csv > suppliers.csv`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return reportSuppliers(c.Context(), a, o) },
	}
	o.by = "provider"
	cli.ChoiceFlag(c, &o.by, "by", "group by", reports.Groups)
	a.ProviderFlag(c, &o.provider)
	a.AccountFlag(c, &o.account)
	cli.SinceFlag(c, &o.since, "180d")
	cli.LimitFlag(c, &o.limit, 50)
	cli.JSONFlag(c, &o.asJSON)
	c.Flags().BoolVar(&o.asCSV, "csv", false, "print CSV")
	c.MarkFlagsMutuallyExclusive("json", "csv")
	return c
}

func reportSuppliers(ctx context.Context, a *cli.App, o supplierOptions) error {
	if err := cli.CheckList(o.limit, "by", o.by, reports.Groups); err != nil {
		return err
	}
	since, err := a.ParseSince("since", o.since)
	if err != nil {
		return err
	}
	database, err := a.OpenDatabase(ctx)
	if err != nil {
		return err
	}
	defer database.Close()
	list, more, err := database.Reports().Suppliers(ctx, reports.SupplierFilter{
		By: o.by, Provider: o.provider, Account: o.account, From: reports.MonthOf(since), Limit: o.limit,
	})
	if err != nil {
		return err
	}
	if more {
		fmt.Fprintf(a.Stderr, "first %s shown; there are more, see --limit\n", cli.Count(len(list), "row"))
	}
	if o.asCSV {
		return suppliersCSV(a.Stdout, list)
	}
	listing := suppliersTable(o.by)
	listing.Provider, listing.Account = o.provider, o.account
	return listing.Print(a, list, o.limit, o.asJSON)
}

// suppliersTable shows the group, and then the shares and averages.
func suppliersTable(by string) cli.Listing[reports.Performance] {
	head := []string{"PROVIDER"}
	if by != "provider" {
		head = append(head, map[string]string{"account": "ACCOUNT", "article": "ARTICLE", "month": "MONTH"}[by])
	}
	return cli.Listing[reports.Performance]{
		Noun: "supplier",
		Head: append(head, "LINES", "SLIPPED", "BY DAYS", "DESPATCHED", "ON TIME", "DAYS LATE", "FILL RATE"),
		Row: func(p reports.Performance) []string {
			row := []string{p.Provider}
			if by != "provider" {
				row = append(row, cli.OrDash(p.Account+p.ArticleID+p.Month))
			}
			return append(
				row, fmt.Sprint(p.Lines), percent(p.Slipped, p.Lines), average(p.SlipDays, p.Slipped), fmt.Sprint(p.Despatched),
				percent(p.Kept(), p.Despatched), average(p.DaysLate, p.Late()), percent(p.EndedShipped, p.EndedOrdered),
			)
		},
	}
}

func percent(part, whole int64) string {
	if whole == 0 {
		return "-"
	}
	return strconv.FormatFloat(100*float64(part)/float64(whole), 'f', 1, 64) + "%"
}

func average(sum, n int64) string {
	if n == 0 {
		return "-"
	}
	return strconv.FormatFloat(float64(sum)/float64(n), 'f', 1, 64)
}

func suppliersCSV(w io.Writer, list []reports.Performance) error {
	out := csv.NewWriter(w)
	rows := [][]string{reports.PerformanceColumns}
	for _, p := range list {
		rows = append(rows, p.Cells())
	}
	return out.WriteAll(rows)
}
