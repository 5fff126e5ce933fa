package auth

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"orderbeat/auth"
	"orderbeat/cmd/orderbeat/cli"
	"orderbeat/cmd/orderbeat/config"
	"orderbeat/jobs"
)

func statusCommand(a *cli.App) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "status",
		Short: "Show the state of every credential",
		Long: `Show the state of every credential: the remaining lifetime of its token, when it was
renewed, the last failure, when the next attempt is allowed, and the number of logins, replays
after a 401, and calls that reused a token instead of logging in (SAVED).

The state is that of the running worker, counted since its start. Without a worker, it is
that of the last token request in the database, or in the bucket on an external NATS, with
total counts. A lifetime with ~ is an estimate: the provider does not state it.`,
		Example: `  orderbeat auth status
  orderbeat auth status --json`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			conf, err := a.LoadPart("nats", "db")
			if err != nil {
				return err
			}
			return showStatus(c.Context(), a, conf, asJSON)
		},
	}
	cli.JSONFlag(c, &asJSON)
	return c
}

func showStatus(ctx context.Context, a *cli.App, conf *config.Config, asJSON bool) error {
	t := newCredentialReader(conf)
	defer t.Close()
	list, from, err := t.list(ctx)
	if err != nil {
		return err
	}
	if asJSON {
		return cli.PrintJSON(a.Stdout, map[string]any{"from": from, "credentials": list})
	}
	if from != fromWorker {
		fmt.Fprintf(a.Stderr, "no worker responds; the state is from the %s\n", from)
	}
	if len(list) == 0 {
		fmt.Fprintln(a.Stderr, "no credential has been used yet")
		return nil
	}
	return printStatuses(a, list, time.Now())
}

func printStatuses(a *cli.App, list []auth.Status, now time.Time) error {
	w := a.Stdout
	rows := make([][]string, len(list))
	for i, st := range list {
		rows[i] = []string{
			st.Provider, cli.OrDash(st.User), string(st.State), lifeLeft(st), a.Second(st.RenewedAt), nextAttempt(a, st, now),
			fmt.Sprint(st.Logins), fmt.Sprint(st.Replays), fmt.Sprint(st.Saved), lastFailure(a, st),
		}
	}
	head := []string{"PROVIDER", "USER", "STATE", "LIFE LEFT", a.Head("RENEWED"), a.Head("NEXT ATTEMPT"), "LOGINS", "REPLAYS", "SAVED", "LAST FAILURE"}
	if err := cli.PrintTable(w, head, rows); err != nil {
		return err
	}
	for _, st := range list {
		switch st.State {
		case auth.StateConsent:
			fmt.Fprintf(w, "\n%s must grant access to %s: %s\n  orderbeat auth login %s --user %s\n", cli.Plain(st.User), st.Provider, cli.Plain(st.ConsentReason), st.Provider, cli.Plain(st.User))
		case auth.StateRejected:
			fmt.Fprintf(w, "\n%s rejected the credentials. When they are correct:\n  orderbeat auth unlatch %s\n", st.Provider, st.Provider)
		default:
		}
		if st.NextSecret {
			fmt.Fprintf(w, "\n%s uses client_secret_next: move its value to client_secret, then run orderbeat reload\n", st.Provider)
		}
		if st.Unreadable {
			fmt.Fprintf(w, "\nthe stored token of %s cannot be read: was the file of worker.key replaced, or does it differ from that of other machines?\n", strings.TrimSpace(st.Provider+" "+cli.Plain(st.User)))
		}
	}
	return nil
}

// lifeLeft returns the remaining lifetime of the token; "-" without one.
func lifeLeft(st auth.Status) string {
	if st.LifeLeft <= 0 {
		return "-"
	}
	left := jobs.FormatDuration(time.Duration(st.LifeLeft) * time.Second)
	if st.Guessed {
		return "~" + left
	}
	return left
}

// nextAttempt returns when a token may be requested next: "-" for now, "never" if
// someone has to act first.
func nextAttempt(a *cli.App, st auth.Status, now time.Time) string {
	switch {
	case st.State == auth.StateRejected || st.State == auth.StateConsent:
		return "never"
	case st.NextAttemptAt.After(now):
		return a.Second(st.NextAttemptAt)
	default:
		return "-"
	}
}

func lastFailure(a *cli.App, st auth.Status) string {
	f := st.LastFailure
	if f == nil {
		return "-"
	}
	text := fmt.Sprintf("%s %s: %s", a.Second(f.At), f.Class, f.Reason)
	if f.Code != "" {
		text += ": " + f.Code
	}
	if f.Status != 0 {
		text += fmt.Sprintf(" (status %d)", f.Status)
	}
	return text
}
