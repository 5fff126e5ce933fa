package database

import (
	"github.com/spf13/cobra"

	"orderbeat/cmd/orderbeat/cli"
)

// Command returns the command db with its subcommands.
func Command(a *cli.App) *cobra.Command {
	return cli.Group(&cobra.Command{
		Use:   "db",
		Short: "Back up, restore, check, prune and migrate the database",
		Long: `Back up, restore, check, prune and migrate the configured database. Restore and migrate
require that no worker runs.`,
		Example: `  orderbeat db backup /var/backups/orderbeat-monday.db   create a checked copy
  orderbeat db restore /var/backups/orderbeat-monday.db  replace the database with that copy
  orderbeat db check                                     check its consistency
  orderbeat db prune --dry-run                           show what retention would delete
  orderbeat db migrate                                   update its schema`,
	}, backupCommand(a), restoreCommand(a), checkCommand(a), pruneCommand(a), migrateCommand(a))
}
