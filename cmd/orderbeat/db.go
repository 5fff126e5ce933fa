package main

import (
	"github.com/spf13/cobra"
)

// dbCommand is the upkeep of the database: files db_*.go.
func (a *app) dbCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "db",
		Short: "Back up, restore, check, prune and migrate the database",
		Long: `Back up, restore, check, prune and migrate the database of the configuration. A worker may
run or not, except that restore and migrate want none.`,
		Example: `  orderbeat db backup /var/backups/orderbeat-monday.db   a copy as of now, checked
  orderbeat db restore /var/backups/orderbeat-monday.db  replace the database with that copy
  orderbeat db check                                     is everything in it as it should be?
  orderbeat db prune --dry-run                           what is over for longer than it is kept?
  orderbeat db migrate                                   bring its schema up to date`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(a.dbBackupCommand(), a.dbRestoreCommand(), a.dbCheckCommand(), a.dbPruneCommand(), a.dbMigrateCommand())
	return c
}
