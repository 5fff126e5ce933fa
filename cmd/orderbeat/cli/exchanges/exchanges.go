package exchanges

import (
	"context"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"orderbeat/cmd/orderbeat/cli"
	"orderbeat/db"
	"orderbeat/db/exchanges"
)

// Command returns the command exchanges.
func Command(a *cli.App) *cobra.Command {
	var o exchangesOptions
	c := &cobra.Command{
		Use:   "exchanges [exchange-id]",
		Short: "List recorded requests and responses, or show one",
		Long: `List recorded HTTP exchanges of jobs, newest first; with an id, show its request and
response, without secrets. Reads the database; no worker needs to run. --since
selects by the start of the request.

The provider's key exchanges ("full", "metadata" or "off") sets what is recorded, and
db.retention for how long. Token requests are never recorded. Long responses are stored
compressed; this command decompresses them.`,
		Example: `  orderbeat exchanges --job 01JDC3M3V8S5Y0QZ7W2K4H6N9P-00001
  orderbeat exchanges --provider michelin --failed
  orderbeat exchanges 4711
  orderbeat exchanges 4711 --body | jq .`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 1 {
				return showExchange(c.Context(), a, args[0], o)
			}
			return listExchanges(c.Context(), a, o)
		},
	}
	a.ProviderFlag(c, &o.filter.Provider)
	a.AccountFlag(c, &o.filter.Account)
	a.RunFlag(c, &o.filter.RunID)
	a.JobFlag(c, &o.filter.JobID)
	cli.SinceFlag(c, &o.since, "")
	f := c.Flags()
	f.BoolVar(&o.filter.Failed, "failed", false, "only failed ones")
	cli.LimitFlag(c, &o.filter.Limit, 20)
	f.BoolVar(&o.body, "body", false, "print only the response body of one exchange")
	cli.JSONFlag(c, &o.asJSON)
	c.MarkFlagsMutuallyExclusive("body", "json")
	return a.CompleteArg(c, recent(a))
}

// recent proposes the latest exchanges.
func recent(a *cli.App) func(ctx context.Context) []string {
	return func(ctx context.Context) (ids []string) {
		_ = a.ReadDatabase(ctx, func(database *db.DB) error {
			const proposed = 20
			list, err := database.Exchanges(ctx, exchanges.ExchangeFilter{Limit: proposed})
			for _, x := range list {
				ids = append(ids, cobra.CompletionWithDesc(fmt.Sprint(x.ExchangeID), cli.Plain(fmt.Sprintf("%s/%s %s %d", x.Provider, x.Account, x.Op, x.Status))))
			}
			return err
		})
		return ids
	}
}

type exchangesOptions struct {
	filter       exchanges.ExchangeFilter
	since        string
	body, asJSON bool
}

func listExchanges(ctx context.Context, a *cli.App, o exchangesOptions) error {
	if o.body {
		return cli.Misuse("--body needs the id of an exchange")
	}
	err := cli.CheckLimit(o.filter.Limit)
	if err == nil {
		o.filter.Since, err = a.ParseSince("since", o.since)
	}
	if err == nil {
		o.filter.RunID, err = a.RunID(ctx, o.filter.RunID)
	}
	if err == nil {
		o.filter.JobID, err = a.JobID(ctx, o.filter.JobID)
	}
	if err != nil {
		return err
	}
	return a.ReadDatabase(ctx, func(database *db.DB) error {
		limit := o.filter.Limit
		o.filter.Limit++
		list, err := database.Exchanges(ctx, o.filter)
		if err != nil {
			return err
		}
		return cli.Listing[exchanges.ExchangeRow]{
			Noun: "exchange", Provider: o.filter.Provider, Account: o.filter.Account,
			Head: []string{"ID", a.Head("STARTED"), "PROVIDER", "ACCOUNT", "OPERATION", "METHOD", "URL", "STATUS", "MS", "BYTES", "JOB", "ERROR"},
			Row: func(x exchanges.ExchangeRow) []string {
				status := "-"
				if x.Status != 0 {
					status = fmt.Sprint(x.Status)
				}
				return []string{
					fmt.Sprint(x.ExchangeID), a.Second(x.StartedAt), x.Provider, cli.OrDash(x.Account), x.Op, x.Method, shortened(x.URL), status,
					fmt.Sprint(x.DurationMS), fmt.Sprint(x.ResponseBytes), cli.OrDash(x.JobID), cli.OrDash(string(x.ErrorCode)),
				}
			},
		}.Print(a, list, limit, o.asJSON)
	})
}

// shortened truncates a URL for the table; --json has all of it.
func shortened(address string) string {
	const widest = 60
	if len(address) <= widest {
		return address
	}
	return address[:widest] + "…"
}

func showExchange(ctx context.Context, a *cli.App, text string, o exchangesOptions) error {
	id, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return cli.Misuse("%q is not an exchange id (a number); list those of a job with --job", text)
	}
	database, err := a.OpenDatabase(ctx)
	if err != nil {
		return err
	}
	defer database.Close()
	row, x, ok, err := database.Exchange(ctx, id)
	if err != nil {
		return err
	}
	if !ok {
		return cli.Exit(cli.Failed, fmt.Errorf("exchange %d not found; `orderbeat exchanges` lists all recorded ones", id))
	}
	body, err := x.Body()
	if err != nil {
		return err
	}
	if o.body {
		to := a.RawStdout
		if cli.IsTerminal(to) {
			to = a.Stdout
		}
		_, err := to.Write(body)
		return err
	}
	shown := ViewOf(x)
	shown.ResponseBody = string(body)
	if o.asJSON {
		return cli.PrintJSON(a.Stdout, map[string]any{"exchange": exchangeDetail{row, shown.RequestHeaders, shown.RequestBody, shown.ResponseHeaders, shown.ResponseBody}})
	}
	fmt.Fprintf(a.Stdout, "exchange %d, %s: %s %s, %s\n", id, a.Second(row.StartedAt), cli.Plain(row.Provider), cli.Plain(cli.OrDash(row.Account)), cli.Plain(row.Op))
	fmt.Fprintf(a.Stdout, "of job %s, attempt %d\n", cli.OrDash(row.JobID), row.Attempt)
	if row.ErrorCode != "" {
		fmt.Fprintf(a.Stdout, "%s: %s\n", row.ErrorCode, cli.Plain(row.Error))
	}
	shown.Print(a.Stdout)
	return nil
}

// exchangeDetail is one exchange as printed by --json.
type exchangeDetail struct {
	exchanges.ExchangeRow
	RequestHeaders  map[string][]string `json:"request_headers"`
	RequestBody     string              `json:"request_body,omitempty"`
	ResponseHeaders map[string][]string `json:"response_headers"`
	ResponseBody    string              `json:"response_body,omitempty"`
}
