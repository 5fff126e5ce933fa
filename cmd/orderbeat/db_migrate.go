package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"orderbeat/db"
)

func dbMigrateCommand(a *app) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "migrate",
		Short: "Update the database schema, or create the database",
		Long: "Update the database schema, each step in its own transaction, or create the database.\n" +
			"`orderbeat run` does the same at start; this command does it beforehand. No worker may run\n" +
			"meanwhile. Back up first: only a backup leads back.",
		Example: `  orderbeat db backup before-upgrade.db && orderbeat db migrate`,
		Args:    cobra.NoArgs,
		RunE:    func(c *cobra.Command, _ []string) error { return migrateDatabase(a, c.Context(), asJSON) },
	}
	jsonFlag(c, &asJSON)
	return c
}

func migrateDatabase(a *app, ctx context.Context, asJSON bool) error {
	conf, err := a.loadPart("db")
	if err != nil {
		return err
	}
	unlock, err := lockDatabase(conf.DB.Path)
	if err != nil {
		return err
	}
	defer unlock()
	m, err := db.Migrate(ctx, db.Options{Path: conf.DB.Path, Synchronous: conf.DB.Synchronous})
	switch {
	case err != nil:
		return err
	case asJSON:
		return printJSON(a.stdout, m)
	case m.From == m.To:
		fmt.Fprintf(a.stdout, "%s: schema version %d is current\n", conf.DB.Path, m.To)
	case m.From == 0:
		fmt.Fprintf(a.stdout, "%s: created with schema version %d\n", conf.DB.Path, m.To)
	default:
		fmt.Fprintf(a.stdout, "%s: migrated from schema version %d to %d\n", conf.DB.Path, m.From, m.To)
	}
	return nil
}
