package database

import (
	"fmt"

	"github.com/spf13/cobra"

	"orderbeat/cmd/orderbeat/cli"
	"orderbeat/db/sqlite"
)

func backupCommand(a *cli.App) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "backup <file>",
		Short: "Copy the database into a new file",
		Long: `Copy the database, as of one moment, into a new file that only its owner may read. A
running worker continues meanwhile. The copy is checked (quick_check) before it is renamed to
the given name. Existing files are never overwritten.

To go back to the copy, stop the worker and run "orderbeat db restore <file>". The tokens in
it are sealed; the file of worker.key, which unseals them, is not included.`,
		Example: `  orderbeat db backup /var/backups/orderbeat-monday.db
  orderbeat db backup before-upgrade.db --json`,
		Args: cli.OneArg("the new file"),
		RunE: func(c *cobra.Command, args []string) error {
			conf, err := a.LoadPart("db")
			if err != nil {
				return err
			}
			copied, err := sqlite.Backup(c.Context(), conf.DB.Path, args[0])
			if err != nil {
				return err
			}
			if asJSON {
				return cli.PrintJSON(a.Stdout, copied)
			}
			fmt.Fprintf(a.Stdout, "%s: %s, schema version %d, checked\n", copied.Path, megabytes(copied.Bytes), copied.Version)
			return nil
		},
	}
	cli.JSONFlag(c, &asJSON)
	return c
}

// megabytes formats the size of a file.
func megabytes(n int64) string { return fmt.Sprintf("%.1f MB", float64(n)/1e6) }
