package cli

import (
	"maps"
	"slices"

	"github.com/spf13/cobra"

	"orderbeat/jobs"
)

// The flags below have the same meaning and help text in all commands.

// JSONFlag adds the flag --json.
func JSONFlag(c *cobra.Command, into *bool) {
	c.Flags().BoolVar(into, "json", false, "print JSON; times are UTC")
}

// LimitFlag adds the flag --limit.
func LimitFlag(c *cobra.Command, into *int, usual int) {
	c.Flags().IntVar(into, "limit", usual, "maximum number of rows")
}

// ProviderFlag adds the flag --provider.
func (a *App) ProviderFlag(c *cobra.Command, into *string) {
	c.Flags().StringVar(into, "provider", "", "only this provider")
	complete(c, "provider", a.Complete(a.providerNames))
}

// AccountFlag adds the flag --account.
func (a *App) AccountFlag(c *cobra.Command, into *string) {
	c.Flags().StringVar(into, "account", "", "only this account")
	complete(c, "account", a.accountNames)
}

// AccountsFlag adds the flag --account for commands that start a run.
func (a *App) AccountsFlag(c *cobra.Command, into *[]string) {
	c.Flags().StringArrayVar(into, "account", nil, "account, may be repeated (default all)")
	complete(c, "account", a.accountNames)
}

// RunFlag adds the flag --run.
func (a *App) RunFlag(c *cobra.Command, into *string) {
	c.Flags().StringVar(into, "run", "", "only this run: its id or a unique prefix of it")
	complete(c, "run", a.Complete(a.RecentRuns))
}

// JobFlag adds the flag --job.
func (a *App) JobFlag(c *cobra.Command, into *string) {
	c.Flags().StringVar(into, "job", "", "only this job: its id or a unique prefix of it")
	complete(c, "job", a.Complete(a.RecentJobs))
}

// SinceFlag adds the flag --since.
func SinceFlag(c *cobra.Command, into *string, usual string) {
	c.Flags().StringVar(into, "since", usual, "only after this time: 24h or 14d ago, or a date such as 2026-01-31")
	complete(c, "since", cobra.NoFileCompletions)
}

// UntilFlag adds the flag --until.
func UntilFlag(c *cobra.Command, into *string) {
	c.Flags().StringVar(into, "until", "", "only before this time, in the format of --since")
	complete(c, "until", cobra.NoFileCompletions)
}

// KindFlag adds the flag --kind.
func KindFlag(c *cobra.Command, into *string) {
	ChoiceFlag(c, into, "kind", "only this kind", slices.Sorted(maps.Keys(jobs.Kinds)))
}

// ChoiceFlag adds a flag that has one of a few values.
func ChoiceFlag[S ~string](c *cobra.Command, into *string, name, about string, allowed []S) {
	c.Flags().StringVar(into, name, *into, about+": "+Words(allowed))
	values := Names(allowed, func(s S) string { return string(s) })
	complete(c, name, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
}

// complete sets the completion of an existing flag.
func complete(c *cobra.Command, flag string, values cobra.CompletionFunc) {
	_ = c.RegisterFlagCompletionFunc(flag, values)
}

// CheckList returns a usage error if the limit is below 1 or the value is not allowed.
func CheckList[S ~string](limit int, flag, value string, allowed []S) error {
	if value != "" && !slices.Contains(allowed, S(value)) {
		return Misuse("--%s: %q is not one of %s", flag, value, Words(allowed))
	}
	return CheckLimit(limit)
}

// CheckLimit returns a usage error if the limit is below 1.
func CheckLimit(limit int) error {
	if limit < 1 {
		return Misuse("--limit must be at least 1, got %d", limit)
	}
	return nil
}
