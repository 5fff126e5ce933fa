package cli

import (
	"context"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"orderbeat/cmd/orderbeat/config"
	"orderbeat/db"
	"orderbeat/db/runs"
)

// completed is the number of recent ids that shell completion proposes.
const completed = 20

// Complete returns the completion of a flag. It proposes nothing if values cannot be read.
func (a *App) Complete(values func(ctx context.Context) []string) cobra.CompletionFunc {
	return func(c *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
		const patience = 2 * time.Second
		ctx, cancel := context.WithTimeout(c.Context(), patience)
		defer cancel()
		return values(ctx), cobra.ShellCompDirectiveNoFileComp
	}
}

// CompleteArg sets the completion of the only argument of a command.
func (a *App) CompleteArg(c *cobra.Command, values func(ctx context.Context) []string) *cobra.Command {
	propose := a.Complete(values)
	c.ValidArgsFunction = func(c *cobra.Command, args []string, begin string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return propose(c, args, begin)
	}
	return c
}

func (a *App) providerNames(context.Context) []string {
	conf, err := a.LoadWithoutSecrets()
	if err != nil {
		return nil
	}
	return conf.ProviderNames()
}

// CompleteProvider sets the completion of a command whose first argument is a provider.
func (a *App) CompleteProvider(c *cobra.Command) *cobra.Command {
	return a.CompleteArg(c, a.providerNames)
}

// accountNames proposes the accounts of --provider, or of the argument that is a provider, or all.
func (a *App) accountNames(c *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	conf, err := a.LoadWithoutSecrets()
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	provider, _ := c.Flags().GetString("provider")
	var all, named []string
	for _, p := range conf.Providers {
		all = append(all, p.AccountNames()...)
		if provider == p.Name || slices.Contains(args, p.Name) {
			named = append(named, p.AccountNames()...)
		}
	}
	if named != nil {
		all = named
	}
	slices.Sort(all)
	return slices.Compact(all), cobra.ShellCompDirectiveNoFileComp
}

// Schedules proposes the configured schedules.
func (a *App) Schedules(context.Context) []string {
	conf, err := a.LoadWithoutSecrets()
	if err != nil {
		return nil
	}
	return Names(conf.Schedules, func(s config.Schedule) string { return s.Name })
}

// RecentRuns proposes the latest runs.
func (a *App) RecentRuns(ctx context.Context) (ids []string) {
	_ = a.ReadDatabase(ctx, func(database *db.DB) error {
		list, err := database.Runs(ctx, runs.RunFilter{Limit: completed})
		for _, r := range list {
			ids = append(ids, cobra.CompletionWithDesc(r.ID, Plain(r.Provider+" "+r.Kind+" "+string(r.State))))
		}
		return err
	})
	return ids
}

// RecentJobs proposes the latest jobs.
func (a *App) RecentJobs(ctx context.Context) (ids []string) {
	_ = a.ReadDatabase(ctx, func(database *db.DB) error {
		list, err := database.Jobs(ctx, runs.JobFilter{Limit: completed})
		for _, j := range list {
			ids = append(ids, cobra.CompletionWithDesc(j.JobID, Plain(j.Provider+"/"+j.Account+" "+j.Kind+" "+string(j.State))))
		}
		return err
	})
	return ids
}
