package status

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"orderbeat/auth"
	"orderbeat/cmd/orderbeat/cli"
	"orderbeat/cmd/orderbeat/config"
	"orderbeat/db"
	"orderbeat/jobs"
	"orderbeat/worker/api"
)

// ProvidersCommand returns the command providers.
func ProvidersCommand(a *cli.App) *cobra.Command {
	var provider string
	var asJSON bool
	c := &cobra.Command{
		Use:   "providers",
		Short: "List providers and accounts with their last success and failure",
		Long: `List the configured providers and accounts: when orders were last received, the last
failure, and from a running worker the breaker, the rate limit and the credentials.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			conf, err := a.LoadWithoutSecrets()
			if err != nil {
				return err
			}
			database, err := a.OpenDatabase(c.Context())
			if err != nil {
				return err
			}
			defer database.Close()
			list, absent, err := providers(c.Context(), a, conf, database)
			if err != nil {
				return err
			}
			if provider != "" {
				list = slices.DeleteFunc(list, func(p api.Provider) bool { return p.Provider != provider })
			}
			if err := a.CheckFound(len(list), provider, ""); err != nil {
				return err
			}
			if asJSON {
				return cli.PrintJSON(a.Stdout, api.Providers{Providers: list})
			}
			if absent != nil {
				fmt.Fprintln(a.Stderr, cli.Plain(absent.Error()))
			}
			return printProviders(a, list)
		},
	}
	a.ProviderFlag(c, &provider)
	cli.JSONFlag(c, &asJSON)
	return c
}

// providers returns the providers of the running worker, or else those of the configuration: absent then says
// why.
func providers(ctx context.Context, a *cli.App, conf *config.Config, database *db.DB) (list []api.Provider, absent, err error) {
	reply, absent := asked[api.Providers](ctx, a, "providers.list")
	if absent == nil {
		return reply.Providers, nil, nil
	}
	fresh, err := database.Freshness(ctx, "")
	if err != nil {
		return nil, absent, err
	}
	for _, p := range conf.Providers {
		item := api.Provider{
			Provider: p.Name, Kind: p.Kind, Environment: p.Environment, Concurrency: p.Concurrency, Rate: p.Rate.String(), Credentials: []auth.Status{},
			Accounts: api.AccountsOf(p.Name, p.Accounts, fresh),
		}
		if p.FreshFor > 0 {
			item.FreshFor = jobs.FormatDuration(p.FreshFor)
		}
		list = append(list, item)
	}
	return list, absent, nil
}

func printProviders(a *cli.App, list []api.Provider) error {
	var rows [][]string
	for _, p := range list {
		for _, account := range p.Accounts {
			rows = append(rows, []string{
				p.Provider, account.Account, p.Environment, since(a, account.LastSuccessAt), api.Freshness(p, account, time.Now()), failure(a, account),
				breaker(p), cli.OrDash(p.RateNow), credentials(p),
			})
		}
	}
	if len(rows) == 0 {
		fmt.Fprintln(a.Stderr, "no accounts are configured")
		return nil
	}
	return cli.PrintTable(a.Stdout, []string{"PROVIDER", "ACCOUNT", "ENVIRONMENT", a.Head("LAST SUCCESS"), "FRESHNESS", a.Head("LAST FAILURE"), "BREAKER", "RATE NOW", "CREDENTIALS"}, rows)
}

func since(a *cli.App, t *time.Time) string {
	if t == nil {
		return "never"
	}
	return a.Minute(*t)
}

// failure returns the last failure, "-" if a success came after it.
func failure(a *cli.App, of api.Account) string {
	if of.LastFailureAt == nil || of.LastSuccessAt != nil && of.LastSuccessAt.After(*of.LastFailureAt) {
		return "-"
	}
	return a.Minute(*of.LastFailureAt) + " " + string(of.FailureCode)
}

func breaker(p api.Provider) string {
	if p.Breaker == nil {
		return "-"
	}
	return string(p.Breaker.State)
}

// credentials returns the state of the credentials: the worst one, with the number of users in it.
func credentials(p api.Provider) string {
	counts := map[auth.State]int{}
	for _, c := range p.Credentials {
		counts[c.State]++
	}
	for _, state := range []auth.State{auth.StateRejected, auth.StateConsent, auth.StateCooldown, auth.StateEmpty, auth.StateValid} {
		switch n := counts[state]; {
		case n > 0 && len(p.Credentials) > 1:
			return fmt.Sprintf("%s (%d of %d)", state, n, len(p.Credentials))
		case n > 0:
			return string(state)
		}
	}
	return "-"
}
