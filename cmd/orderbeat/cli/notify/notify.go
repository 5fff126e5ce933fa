package notify

import (
	"fmt"
	"slices"
	"sync"

	"github.com/spf13/cobra"

	"orderbeat/cmd/orderbeat/cli"
	"orderbeat/worker/notifier"
)

// Command returns the command notify.
func Command(a *cli.App) *cobra.Command {
	return cli.Group(&cobra.Command{Use: "notify", Short: "Test notification targets"}, testCommand(a))
}

func testCommand(a *cli.App) *cobra.Command {
	return &cobra.Command{
		Use:   "test [target]",
		Short: "Send a test message to each target of [[notify]], or to one",
		Long: `Send a test message to each target of [[notify]] in config.toml, or to one, and print whether
the target accepted it. No worker needs to run.

Exit status: 0 every target accepted it, 3 some did, 1 none did.`,
		Example: `  orderbeat notify test
  orderbeat notify test ops`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			conf, err := a.Load()
			if err != nil {
				return err
			}
			targets := conf.Notify
			if len(args) == 1 {
				i := slices.IndexFunc(targets, func(t notifier.Target) bool { return t.Name == args[0] })
				if i < 0 {
					return cli.Misuse("unknown target %.80q: %s", args[0], configured(targets))
				}
				targets = targets[i : i+1]
			}
			if len(targets) == 0 {
				return cli.Misuse("%s", configured(nil))
			}
			errs := make([]error, len(targets))
			var sent sync.WaitGroup
			for i, t := range targets {
				sent.Go(func() { errs[i] = notifier.Test(c.Context(), t) })
			}
			sent.Wait()
			return report(a, targets, errs)
		},
	}
}

// configured lists the targets for an error.
func configured(targets []notifier.Target) string {
	if len(targets) == 0 {
		return "no [[notify]] is configured"
	}
	return "configured: " + cli.Words(cli.Names(targets, func(t notifier.Target) string { return t.Name }))
}

func report(a *cli.App, targets []notifier.Target, errs []error) error {
	sent := 0
	for i, t := range targets {
		if errs[i] != nil {
			fmt.Fprintf(a.Stdout, "%s: failed: %v\n", t.Name, errs[i])
			continue
		}
		sent++
		fmt.Fprintf(a.Stdout, "%s: sent\n", t.Name)
	}
	return cli.ExitOf(sent, len(targets))
}
