package provider

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"orderbeat/clients"
	"orderbeat/clients/declared"
	"orderbeat/clients/exchange"
	"orderbeat/cmd/orderbeat/cli"
	"orderbeat/cmd/orderbeat/cli/exchanges"
	"orderbeat/cmd/orderbeat/cli/sandbox"
	"orderbeat/cmd/orderbeat/config"
	"orderbeat/jobs"
)

func tryCommand(a *cli.App) *cobra.Command {
	var o tryOptions
	c := &cobra.Command{
		Use:   "try <provider>",
		Short: "Send one request and show the orders in its response",
		Long: `Send one request to a provider and show the request, the response and the orders mapped
from it. Nothing is stored or published. Only the first page of a paged response is
requested; for a list whose items are requested one by one, the list and its first item.
The worker's tokens are used if there are any.

Values that look like secrets are shown as REDACTED; the mapping gets the real values, unless
the declaration's key redact names them.

--save-sample adds the response to the declaration as a sample for "orderbeat check", with
secrets redacted. Personal data is still in it: review it before you commit it.

Exit status: 0 the response was mapped, even to no orders; 1 the request or the mapping failed.`,
		Example: `  orderbeat provider try acme
  orderbeat provider try acme --account main --lookback 7d
  orderbeat provider try acme --from 2026-01-01 --to 2026-01-31 --json
  orderbeat provider try acme --order-id A-1001 --save-sample --name "a cancelled order"`,
		Args: cli.OneArg("the provider"),
		RunE: func(c *cobra.Command, args []string) error {
			o.provider = args[0]
			return tryProvider(c.Context(), a, o)
		},
	}
	f := c.Flags()
	f.StringVar(&o.account, "account", "", "account (required if there are several)")
	o.Flags(c, "range up to today, such as 7d (default 14d, or the provider's limit)")
	f.StringVar(&o.orderID, "order-id", "", "one order, by the provider's number")
	f.StringVar(&o.reference, "reference", "", "one order, by your own number (PO)")
	f.BoolVar(&o.save, "save-sample", false, "add the response to the declaration as a sample")
	f.StringVar(&o.name, "name", "", "name of the sample")
	cli.JSONFlag(c, &o.asJSON)
	for _, window := range []string{"from", "to", "lookback"} {
		c.MarkFlagsMutuallyExclusive(window, "order-id")
		c.MarkFlagsMutuallyExclusive(window, "reference")
	}
	c.MarkFlagsMutuallyExclusive("order-id", "reference")
	return c
}

type tryOptions struct {
	provider, account string
	cli.DayRange
	orderID, reference string
	name               string
	save, asJSON       bool
}

// tryProvider builds and sends the request, prints the result and saves the sample.
func tryProvider(ctx context.Context, a *cli.App, o tryOptions) (err error) {
	given, err := o.Params()
	if err != nil {
		return err
	}
	if o.name != "" && !o.save {
		return cli.Misuse("--name needs --save-sample")
	}
	conf, err := a.Load()
	if err != nil {
		return err
	}
	p, account, err := o.choose(conf)
	if err != nil {
		return err
	}
	params, err := json.Marshal(given)
	if err != nil {
		return err
	}
	query, windows, err := o.query(p, account, params, time.Now())
	if err != nil {
		return err
	}
	deps := config.ProviderDeps{UserAgent: "orderbeat/" + a.Version, Log: slog.New(slog.DiscardHandler), Mask: conf.Mask}
	conf.MaskFiles()
	a.Stdout, a.Stderr = conf.Mask.Writer(a.Stdout), conf.Mask.Writer(a.Stderr)
	report := tryReport{Provider: p.Name, Account: account.Name, Question: questionOf(query), Windows: windows}
	deps.Watch = func(x exchange.Exchange) { report.Exchanges = append(report.Exchanges, exchanges.ViewOf(x)) }
	tokens, closeTokens, err := sharedTokens(ctx, conf)
	if err != nil {
		return err
	}
	closing := func(c io.Closer) { err = errors.Join(err, c.Close()) }
	defer closing(closeTokens)
	deps.Tokens = tokens
	if conf.Sandbox != nil && p.Environment == "sandbox" {
		stand, address, err := sandbox.Attach(ctx, *conf.Sandbox)
		if err != nil {
			return err
		}
		defer closing(stand)
		deps.SandboxURL = "http://" + address
	}
	supplier, err := p.Open(deps)
	if err != nil {
		return fmt.Errorf("provider %s: %w", p.Name, err)
	}
	if closer, ok := supplier.(io.Closer); ok {
		defer closing(closer)
	}
	client, isDeclared := supplier.(*declared.Client)
	if o.save {
		if err := checkSampleable(p, client); err != nil {
			return err
		}
	}
	var first declared.First
	var failure error
	if isDeclared {
		first, failure = client.First(ctx, query)
	} else {
		first.Answer, failure = supplier.Orders(ctx, query)
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	report.addResult(first, failure)
	var saved error
	if o.save && failure == nil {
		report.Sample, saved = saveSample(ctx, a, p, client, first, o.name)
	}
	if err := printTry(a, report, o.asJSON); err != nil {
		return err
	}
	switch {
	case failure != nil:
		return cli.Exit(cli.Failed, nil)
	case saved != nil:
		return cli.Exit(cli.Failed, fmt.Errorf("no sample saved: %w", saved))
	}
	return nil
}

// choose finds the named provider and account.
func (o tryOptions) choose(conf *config.Config) (p config.Provider, account clients.Account, err error) {
	names := conf.ProviderNames()
	i := slices.Index(names, o.provider)
	if i < 0 {
		return p, account, cli.Misuse("unknown provider %q; configured: %s", o.provider, cli.Words(names))
	}
	p = conf.Providers[i]
	names = p.AccountNames()
	i = slices.Index(names, o.account)
	switch {
	case o.account == "" && len(names) == 1:
		i = 0
	case o.account == "":
		return p, account, cli.Misuse("choose an account with --account: %s", cli.Words(names))
	case i < 0:
		return p, account, cli.Misuse("--account: %s has no account %q; configured: %s", p.Name, o.account, cli.Words(names))
	}
	return p, p.Accounts[i], nil
}

// query returns the request, planned as for a run. If the date range needs several requests,
// it is the newest; windows is their number.
func (o tryOptions) query(p config.Provider, a clients.Account, params json.RawMessage, now time.Time) (q clients.Query, windows int, err error) {
	const usual = 14 // days, the default of sync
	r := jobs.Request{Provider: p.Name, Kind: "sync", Params: params, Accounts: []string{a.Name}}
	named := map[string][]string{}
	for name, value := range map[string]string{"order_ids": o.orderID, "references": o.reference} {
		if value != "" {
			named[name] = []string{value}
		}
	}
	var given any
	switch most := p.Traits.MaxWindowDays; {
	case p.Traits.NoWindows && p.Traits.MaxReferences == 0:
		return q, 0, cli.Misuse("%s declares no operation for orders; `orderbeat check` says why", p.Name)
	case len(named) > 0:
		r.Kind, given = "fetch", named
	case p.Traits.NoWindows:
		return q, 0, cli.Misuse("%s has no operation for date ranges: give --order-id or --reference", p.Name)
	case o.From == "" && o.Lookback == "" && most > 0 && most <= usual:
		given = map[string]string{"lookback": fmt.Sprintf("%dd", most-1)} // today counts
	}
	if given != nil {
		if r.Params, err = json.Marshal(given); err != nil {
			return q, 0, err
		}
	}
	_, planned, err := jobs.Plan(r, map[string]jobs.Target{p.Name: {Traits: p.Traits, Accounts: p.Accounts}}, now)
	if err != nil {
		e := clients.AsError(err)
		return q, 0, cli.Misuse("%s (%s)", e.Message, e.Hint)
	}
	return planned[len(planned)-1].Query(a), len(planned), nil
}
