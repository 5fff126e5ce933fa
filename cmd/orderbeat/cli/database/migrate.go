package database

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"orderbeat/cmd/orderbeat/cli"
	"orderbeat/cmd/orderbeat/lock"
	"orderbeat/db"
)

func migrateCommand(a *cli.App) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "migrate",
		Short: "Update the database schema, or create the database",
		Long: "Update the database schema, each step in its own transaction, or create the database.\n" +
			"`orderbeat run` does the same at start; this command does it beforehand. No worker may run\n" +
			"meanwhile. Back up first: there is no downgrade.",
		Example: `  orderbeat db backup before-upgrade.db && orderbeat db migrate`,
		Args:    cobra.NoArgs,
		RunE:    func(c *cobra.Command, _ []string) error { return migrateDatabase(c.Context(), a, asJSON) },
	}
	cli.JSONFlag(c, &asJSON)
	return c
}

func migrateDatabase(ctx context.Context, a *cli.App, asJSON bool) error {
	conf, err := a.LoadPart("db")
	if err != nil {
		return err
	}
	unlock, err := lock.Acquire(conf.DB.Path)
	if err != nil {
		return err
	}
	defer unlock()
	m, err := db.Migrate(ctx, db.Options{Path: conf.DB.Path, Synchronous: conf.DB.Synchronous})
	switch {
	case err != nil:
		return err
	case asJSON:
		return cli.PrintJSON(a.Stdout, m)
	case m.From == m.To:
		fmt.Fprintf(a.Stdout, "%s: schema version %d is current\n", conf.DB.Path, m.To)
	case m.From == 0:
		fmt.Fprintf(a.Stdout, "%s: created with schema version %d\n", conf.DB.Path, m.To)
	default:
		fmt.Fprintf(a.Stdout, "%s: migrated from schema version %d to %d\n", conf.DB.Path, m.From, m.To)
	}
	return nil
}
