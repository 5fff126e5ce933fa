package reload

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"orderbeat/cmd/orderbeat/cli"
	"orderbeat/worker/api"
)

// timeout is how long a reload may take: it waits for due times that are being recorded.
const timeout = 2 * time.Minute

// Command returns the command reload.
func Command(a *cli.App) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "reload",
		Short: "Apply a changed configuration without a restart",
		Long: `Make the running worker read its configuration again: the file, the declarations and
secrets that it refers to. Providers, accounts, schedules, targets of notifications, secrets,
db.retention, log.level, worker.concurrency and worker.queue_alert apply at once. Other keys
are listed: they take effect after a restart. Running jobs finish with the settings that they
started with.

An invalid configuration changes nothing: its errors are printed, and the exit status is 2.
"orderbeat check" finds them beforehand. With several workers, the leader reloads; send
SIGHUP to the others.`,
		Example: `  orderbeat check && orderbeat reload
  systemctl reload orderbeat             the same by signal; the result is in the log`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			w, err := a.DialWorker()
			if err != nil {
				return err
			}
			defer w.Close()
			w.SetDeadline(timeout)
			var reply api.Reloaded
			err = w.Request(c.Context(), timeout+5*time.Second, "config.reload", struct{}{}, &reply)
			if e, ok := errors.AsType[*api.Error](err); ok && e.Code == "invalid" {
				return cli.Exit(cli.Usage, fmt.Errorf("%s\n%s", e.Message, e.Hint))
			}
			if err != nil {
				return err
			}
			if asJSON {
				return cli.PrintJSON(a.Stdout, reply)
			}
			show(a.Stdout, reply)
			return nil
		},
	}
	cli.JSONFlag(c, &asJSON)
	return c
}

// show prints what was applied.
func show(w io.Writer, r api.Reloaded) {
	if len(r.Applied)+len(r.Restart) == 0 {
		fmt.Fprintln(w, "nothing has changed")
	}
	for _, what := range r.Applied {
		fmt.Fprintln(w, cli.Plain(what))
	}
	for _, key := range r.Restart {
		fmt.Fprintf(w, "%s: takes effect after a restart\n", cli.Plain(key))
	}
}
