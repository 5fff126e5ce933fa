package auth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os/exec"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"orderbeat/auth"
	"orderbeat/cmd/orderbeat/cli"
	"orderbeat/cmd/orderbeat/config"
	"orderbeat/worker/api"
	"orderbeat/worker/web"
)

// consentTimeout is how long login waits for a user.
const consentTimeout = 10 * time.Minute

func loginCommand(a *cli.App) *cobra.Command {
	var o loginOptions
	c := &cobra.Command{
		Use:   "login <provider> --user <user>",
		Short: "Let a user grant access",
		Long: `Let a user grant access to a provider whose tokens belong to users: print the link of the
running worker, open it in a browser if there is one, and wait until access is granted.
The link stays valid. It can be sent to the user if they can reach the worker's web
listener.

If no browser can reach the worker, use --paste: it prints the provider's own address, and
reads the address that the browser was redirected to at the end, or the code in it.

Without --force, a user who has granted access need not do so again. The link that --force
creates is valid once, for ten minutes.`,
		Example: `  orderbeat auth login mazda --user johndoe
  orderbeat auth login mazda --user johndoe --print-url
  orderbeat auth login mazda --user johndoe --paste`,
		Args: cli.OneArg("the provider"),
		RunE: func(c *cobra.Command, args []string) error {
			o.Provider = args[0]
			conf, err := a.LoadPart("nats", "db", "web")
			if err != nil {
				return err
			}
			return login(c.Context(), a, conf, o)
		},
	}
	f := c.Flags()
	f.StringVar(&o.User, "user", "", "the user, as named by the accounts")
	f.BoolVar(&o.printURL, "print-url", false, "print the link and exit")
	f.BoolVar(&o.paste, "paste", false, "read the address that the browser was redirected to from standard input")
	f.BoolVar(&o.force, "force", false, "request consent again even if access is granted")
	_ = c.MarkFlagRequired("user") // the flag exists
	c.MarkFlagsMutuallyExclusive("print-url", "paste")
	return a.CompleteProvider(c)
}

type loginOptions struct {
	api.Credential
	printURL, paste, force bool
}

func login(ctx context.Context, a *cli.App, conf *config.Config, o loginOptions) error {
	browser, err := cli.NewWebClient(conf.Web)
	if err != nil {
		return err
	}
	link := web.StartURL(conf.Web.Public(conf.Web.Listen), o.Provider, o.User)
	here := web.StartURL(browser.Base, o.Provider, o.User)
	if o.force {
		again, err := authorize(ctx, conf, o.Credential)
		if err != nil {
			return err
		}
		link += "&again=" + again
		here += "&again=" + again
		if !o.paste { // the link is valid once: leave it to the browser
			return offerLink(ctx, a, conf, o, link)
		}
	} else if granted, err := granted(ctx, a, conf, o.Credential); granted || err != nil {
		return err
	}
	status, to, text, err := browser.Get(ctx, here)
	switch {
	case err != nil:
		return err
	case status == http.StatusOK:
		printGranted(a, o.Credential)
		return nil
	case status == http.StatusNotFound:
		return cli.Misuse("%s", text)
	case status != http.StatusSeeOther:
		return cli.Exit(cli.Failed, errors.New(text))
	case o.paste:
		return paste(ctx, a, browser, o, to)
	}
	return offerLink(ctx, a, conf, o, link)
}

// offerLink prints the link and, without --print-url, waits for consent.
func offerLink(ctx context.Context, a *cli.App, conf *config.Config, o loginOptions, link string) error {
	if o.printURL {
		fmt.Fprintln(a.Stdout, link)
		return nil
	}
	return awaitConsent(ctx, a, conf, o, link)
}

// authorize requests a one-time code with which a user can grant access again.
func authorize(ctx context.Context, conf *config.Config, of api.Credential) (again string, err error) {
	w, err := cli.Dial(conf.NATS)
	if err != nil {
		return "", err
	}
	defer w.Close()
	reply, err := cli.CallOver[api.Authorize](ctx, w, "auth.authorize", of)
	if err != nil {
		return "", err
	}
	link, err := url.Parse(reply.Link)
	if err != nil {
		return "", errors.New("the worker returned an invalid link")
	}
	return link.Query().Get("again"), nil
}

// granted reports whether a user has granted access according to the running worker, and prints it:
// the worker's page treats all users alike. A user who is not configured is an error.
func granted(ctx context.Context, a *cli.App, conf *config.Config, of api.Credential) (bool, error) {
	t := newCredentialReader(conf)
	defer t.Close()
	list, from, err := t.list(ctx)
	if err != nil || from != fromWorker {
		return false, nil // the page shows the error
	}
	i := slices.IndexFunc(list, func(st auth.Status) bool { return st.Provider == of.Provider && st.User == of.User })
	switch {
	case i < 0:
		return false, cli.Misuse("No account of this provider has this user. `orderbeat auth status` lists the users.")
	case list[i].State == auth.StateConsent:
		return false, nil
	}
	printGranted(a, of)
	return true, nil
}

func printGranted(a *cli.App, of api.Credential) {
	fmt.Fprintf(a.Stderr, "%s has already granted access; use --force to request consent again\n", nameOf(of))
}

// awaitConsent shows the link and waits until access is granted.
func awaitConsent(ctx context.Context, a *cli.App, conf *config.Config, o loginOptions, link string) error {
	t := newCredentialReader(conf)
	defer t.Close()
	before, err := t.consentedAt(ctx, o.Credential)
	if err != nil {
		return err
	}
	fmt.Fprintln(a.Stdout, link)
	if cli.IsTerminal(a.Stdout) {
		openBrowser(ctx, link)
	}
	fmt.Fprintf(a.Stderr, "waiting until %s grants access\n", o.User)
	ctx, cancel := context.WithTimeout(ctx, consentTimeout)
	defer cancel()
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return errors.New("stopped waiting; the link stays valid: see `orderbeat auth status`")
		case <-ticker.C:
		}
		// The worker may be restarting: try again.
		if at, err := t.consentedAt(ctx, o.Credential); err == nil && at.After(before.Add(time.Millisecond)) {
			fmt.Fprintf(a.Stdout, "%s has granted access\n", nameOf(o.Credential))
			return nil
		}
	}
}

// openBrowser tries to open the link in a browser; it is on the terminal in any case.
func openBrowser(ctx context.Context, link string) {
	for _, name := range []string{"xdg-open", "open"} {
		path, err := exec.LookPath(name)
		if err != nil {
			continue
		}
		ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
		defer cancel()
		_ = exec.CommandContext(ctx, path, link).Run()
		return
	}
}
