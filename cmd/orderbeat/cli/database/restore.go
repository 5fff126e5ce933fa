package database

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"orderbeat/cmd/orderbeat/cli"
	"orderbeat/cmd/orderbeat/lock"
	"orderbeat/db"
)

func restoreCommand(a *cli.App) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "restore <file>",
		Short: "Replace the database with a copy",
		Long: `Replace the configured database with a copy: a backup, a plain copy with its -wal file
beside it, or a database created from a dump. Stop the worker first.

The file is checked (integrity_check, schema version), copied with mode 0600, and put in
place atomically; the old database is kept as db.path.before-<time>. The given file is not
changed. As root, the new database gets the owner of the old one.`,
		Example: `  orderbeat db restore /var/backups/orderbeat-monday.db
  orderbeat db restore before-upgrade.db --json`,
		Args: cli.OneArg("the copy"),
		RunE: func(c *cobra.Command, args []string) error { return restoreDatabase(c.Context(), a, args[0], asJSON) },
	}
	cli.JSONFlag(c, &asJSON)
	return c
}

func restoreDatabase(ctx context.Context, a *cli.App, from string, asJSON bool) error {
	conf, err := a.LoadPart("db")
	if err != nil {
		return err
	}
	unlock, err := lock.Acquire(conf.DB.Path)
	if err != nil {
		return err
	}
	defer unlock()
	r, err := db.Restore(ctx, from, conf.DB.Path)
	if err != nil {
		return err
	}
	if asJSON {
		return cli.PrintJSON(a.Stdout, r)
	}
	fmt.Fprintf(a.Stdout, "%s: restored from %s, %s, schema version %d, checked\n", r.Path, r.From, megabytes(r.Bytes), r.Version)
	if r.Migrates {
		fmt.Fprintln(a.Stdout, "The next start updates its schema.")
	}
	if r.Before != "" {
		fmt.Fprintf(a.Stdout, "The old database is kept as %s; delete it when you no longer need it.\n", r.Before)
	}
	return nil
}
