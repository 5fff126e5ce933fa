// Orderbeat keeps a picture of a business's orders true: it asks suppliers, keeps
// what they report in SQLite, and tells NATS what changed.
//
// This package is the commands and the wiring: registry.go lists the kinds of
// providers, run.go puts the worker together, api.go asks a running one. Start reading
// at road_test.go, which follows an order through the whole program.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"orderbeat/clients/section"
	"orderbeat/cmd/orderbeat/config"
)

// The exit statuses.
const (
	done        = 0
	failed      = 1
	usage       = 2 // the command line or the configuration is wrong
	partialOnly = 3 // some of it was done
	abandoned   = 4 // `run` stopped while jobs were still running
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	os.Exit(run(ctx, os.Args[1:], os.Getenv, os.Stdout, os.Stderr))
}

// run is the program: it does what args say until it is done or ctx ends, and
// returns the exit status.
func run(ctx context.Context, args []string, getenv func(string) string, stdout, stderr io.Writer) int {
	a := &app{getenv: getenv, stdin: os.Stdin, stdout: stdout, stderr: stderr}
	return a.run(ctx, args)
}

func (a *app) run(ctx context.Context, args []string) int {
	a.rawStdout, a.rawStderr = a.stdout, a.stderr
	a.stdout, a.stderr = &terminal{w: a.stdout}, &terminal{w: a.stderr}
	stderr := a.stderr
	root := a.root() //nolint:contextcheck // cobra hands ctx to the commands
	root.SetArgs(args)
	root.SetOut(a.stdout)
	root.SetErr(stderr)
	command, err := root.ExecuteContextC(ctx)
	if err == nil {
		return done
	}
	if e, ok := errors.AsType[*exit](err); ok {
		if e.err != nil {
			fmt.Fprintln(stderr, e.err)
		}
		return e.status
	}
	fmt.Fprintf(stderr, "orderbeat: %v\n", err)
	if a.began {
		return failed
	}
	fmt.Fprintf(stderr, "see %s --help\n", command.CommandPath())
	return usage
}

// exit ends the program with a status. err is printed as it is; nil when everything
// is said already.
type exit struct {
	status int
	err    error
}

func (e *exit) Error() string { return fmt.Sprintf("exit status %d: %v", e.status, e.err) }

// app is what the commands share.
type app struct {
	getenv         func(string) string
	stdin          io.Reader
	stdout, stderr io.Writer // each a [terminal]
	// rawStdout and rawStderr are what is below them: for the log and the progress bar, which
	// control the terminal, and for the body of an answer that goes into a file.
	rawStdout, rawStderr io.Writer
	configPath           string // the flag --config
	began                bool   // the command line was right; what fails now is not its fault
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "orderbeat",
		Short: "Sync order status from supplier APIs to SQLite and NATS",
		Long: `Orderbeat syncs order status from supplier APIs, on a schedule or on request, detects
changes, stores orders with their history in SQLite, and publishes changes to NATS.

Exit status: 0 done, 1 failed, 2 usage or configuration error, 3 partly done, 4 stopped
while jobs were running.`,
		Example: `  orderbeat check                        check the configuration, show what would run
  orderbeat run                          run the worker
  orderbeat sync michelin                sync now, show progress
  orderbeat orders --late                orders that are late
  orderbeat order PO-104233              one order with its history
  orderbeat auth status                  token state, last error
  orderbeat doctor                       test every credential
  orderbeat provider new acme            declare a provider`,
		SilenceErrors: true,
		SilenceUsage:  true,
		CompletionOptions: cobra.CompletionOptions{
			HiddenDefaultCmd: true,
		},
	}
	root.PersistentFlags().StringVar(&a.configPath, "config", "", "configuration file (default $ORDERBEAT_CONFIG, else ./config.toml)")
	root.AddCommand(a.runCommand(), a.checkCommand(), a.sandboxCommand(), a.syncCommand(), a.backfillCommand(), a.ordersCommand(), a.orderCommand(), a.runsCommand(), a.jobsCommand(), a.schedulesCommand(), a.replayCommand(), a.remapCommand(), a.exchangesCommand(), a.providerCommand(), a.authCommand(), a.dbCommand(), a.doctorCommand(), a.envCommand(), a.healthCommand(), a.versionCommand())
	a.notice(root)
	return root
}

// notice has every command below c say that it began.
func (a *app) notice(c *cobra.Command) {
	for _, c := range c.Commands() {
		a.notice(c)
		do := c.RunE
		c.RunE = func(c *cobra.Command, args []string) error {
			a.began = true
			return do(c, args)
		}
	}
}

// load reads the whole configuration.
func (a *app) load() (*config.Config, error) { return a.loadWith(config.Load) }

// loadWithoutSecrets reads the whole configuration, but no secret.
func (a *app) loadWithoutSecrets() (*config.Config, error) {
	return a.loadWith(config.LoadWithoutSecrets)
}

func (a *app) loadWith(load func(string, map[string]section.Kind, func(string) string) (*config.Config, error)) (*config.Config, error) {
	path, err := config.Find(a.configPath, a.getenv)
	if err != nil {
		return nil, &exit{usage, err}
	}
	c, err := load(path, providers, a.getenv)
	if err != nil {
		return nil, &exit{usage, err}
	}
	c.Notices = append(c.Notices, c.UnknownVariables(os.Environ())...)
	return c, nil
}

// loadPart reads some sections of the configuration; nothing else needs to be right.
func (a *app) loadPart(sections ...string) (*config.Config, error) {
	path, err := config.Find(a.configPath, a.getenv)
	if err != nil {
		return nil, &exit{usage, err}
	}
	c, err := config.LoadPart(path, a.getenv, sections...)
	if err != nil {
		return nil, &exit{usage, err}
	}
	return c, nil
}

// one wants exactly one argument, and says which when it is missing.
func one(what string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) != 1 {
			return fmt.Errorf("expected one argument, %s, got %d", what, len(args))
		}
		return nil
	}
}

// misuse is an error of the command line that the flags alone do not show.
func misuse(format string, args ...any) error {
	return &exit{usage, fmt.Errorf("orderbeat: "+format, args...)}
}
