package main

import (
	"context"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"orderbeat/db"
)

func exchangesCommand(a *app) *cobra.Command {
	var o exchangesOptions
	c := &cobra.Command{
		Use:   "exchanges [exchange-id]",
		Short: "List recorded requests and responses, or show one",
		Long: `List recorded HTTP exchanges of jobs, newest first; with an id, show its request and
response, without secrets. Reads the database; no worker needs to run. Times are UTC.

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
				return showExchange(a, c.Context(), args[0], o)
			}
			return listExchanges(a, c.Context(), o)
		},
	}
	f := c.Flags()
	f.StringVar(&o.filter.Provider, "provider", "", "only this provider")
	f.StringVar(&o.filter.Account, "account", "", "only this account")
	f.StringVar(&o.filter.RunID, "run", "", "only this run")
	f.StringVar(&o.filter.JobID, "job", "", "only this job")
	f.BoolVar(&o.filter.Failed, "failed", false, "only failed ones")
	limitFlag(c, &o.filter.Limit, 20)
	f.BoolVar(&o.body, "body", false, "print only the response body of one exchange")
	jsonFlag(c, &o.asJSON)
	c.MarkFlagsMutuallyExclusive("body", "json")
	return c
}

type exchangesOptions struct {
	filter       db.ExchangeFilter
	body, asJSON bool
}

func listExchanges(a *app, ctx context.Context, o exchangesOptions) error {
	if err := checkList[string](o.filter.Limit, "", "", nil); err != nil {
		return err
	}
	if o.body {
		return misuse("--body needs the id of an exchange")
	}
	return a.read(ctx, func(database *db.DB) error {
		list, err := database.Exchanges(ctx, o.filter)
		if err != nil {
			return err
		}
		return exchangeListing.print(a, list, o.asJSON)
	})
}

var exchangeListing = listing[db.ExchangeRow]{
	noun: "exchange",
	head: []string{"ID", "STARTED (UTC)", "PROVIDER", "ACCOUNT", "OPERATION", "METHOD", "URL", "STATUS", "MS", "BYTES", "JOB", "ERROR"},
	row: func(x db.ExchangeRow) []string {
		status := "-"
		if x.Status != 0 {
			status = fmt.Sprint(x.Status)
		}
		return []string{
			fmt.Sprint(x.ExchangeID), second(x.StartedAt), x.Provider, orDash(x.Account), x.Op, x.Method, shortened(x.URL), status,
			fmt.Sprint(x.DurationMS), fmt.Sprint(x.ResponseBytes), orDash(x.JobID), orDash(string(x.ErrorCode)),
		}
	},
}

// shortened is a URL that fits into a table; --json has all of it.
func shortened(address string) string {
	const widest = 60
	if len(address) <= widest {
		return address
	}
	return address[:widest] + "…"
}

func showExchange(a *app, ctx context.Context, text string, o exchangesOptions) error {
	id, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return misuse("%q is not an exchange id (a number); list those of a job with --job", text)
	}
	database, err := a.openDatabase(ctx)
	if err != nil {
		return err
	}
	defer database.Close()
	row, x, ok, err := database.Exchange(ctx, id)
	if err != nil {
		return err
	}
	if !ok {
		return exit(failed, fmt.Errorf("exchange %d not found; `orderbeat exchanges` lists all recorded ones", id))
	}
	body, err := x.Body()
	if err != nil {
		return err
	}
	if o.body {
		to := a.rawStdout
		if isTerminal(to) {
			to = a.stdout
		}
		_, err := to.Write(body)
		return err
	}
	shown := shownExchange(x)
	shown.ResponseBody = string(body)
	if o.asJSON {
		return printJSON(a.stdout, map[string]any{"exchange": keptExchange{row, shown.RequestHeaders, shown.RequestBody, shown.ResponseHeaders, shown.ResponseBody}})
	}
	fmt.Fprintf(a.stdout, "exchange %d, %s: %s %s, %s\n", id, second(row.StartedAt), plain(row.Provider), plain(orDash(row.Account)), plain(row.Op))
	fmt.Fprintf(a.stdout, "of job %s, attempt %d\n", orDash(row.JobID), row.Attempt)
	if row.ErrorCode != "" {
		fmt.Fprintf(a.stdout, "%s: %s\n", row.ErrorCode, plain(row.Error))
	}
	shown.print(a.stdout)
	return nil
}

// keptExchange is an exchange as --json has it.
type keptExchange struct {
	db.ExchangeRow
	RequestHeaders  map[string][]string `json:"request_headers"`
	RequestBody     string              `json:"request_body,omitempty"`
	ResponseHeaders map[string][]string `json:"response_headers"`
	ResponseBody    string              `json:"response_body,omitempty"`
}
