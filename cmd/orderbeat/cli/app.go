package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"orderbeat/auth/mask"
	"orderbeat/clients/section"
	"orderbeat/cmd/orderbeat/config"
	"orderbeat/db"
)

// App has the state that the commands share.
type App struct {
	Providers      map[string]section.Kind // by kind
	Version        string
	Getenv         func(string) string
	Stdin          io.Reader
	Stdout, Stderr io.Writer // control characters are replaced ([NewTerminal])
	// RawStdout and RawStderr are the unfiltered streams: for the log and the progress bar,
	// which control the terminal, and for a response body that is written to a file.
	RawStdout, RawStderr io.Writer
	ConfigPath           string // the flag --config
	// Zone is the time zone in which times are printed: UTC if nil, the machine's with --local.
	Zone  *time.Location
	began bool // the command line was valid: later errors are not usage errors

	command              string // path of the command that runs
	saidFollows, saidWho bool   // see follower.go
}

// Load reads the whole configuration.
func (a *App) Load() (*config.Config, error) { return a.load(config.Options{}) }

// LoadWithoutSecrets reads the whole configuration without resolving secrets.
func (a *App) LoadWithoutSecrets() (*config.Config, error) {
	return a.load(config.Options{WithoutSecrets: true})
}

// Reload reads the whole configuration again. Its secrets are added to known, and its samples are tried.
func (a *App) Reload(ctx context.Context, known *mask.Set) (*config.Config, error) {
	c, err := a.load(config.Options{Mask: known})
	if err != nil {
		return nil, err
	}
	if _, err := c.CheckSamples(ctx); err != nil {
		return nil, err
	}
	return c, nil
}

func (a *App) load(o config.Options) (*config.Config, error) {
	path, err := config.Find(a.ConfigPath, a.Getenv)
	if err != nil {
		return nil, Exit(Usage, err)
	}
	c, err := config.LoadWith(path, a.Providers, a.Getenv, o)
	if err != nil {
		return nil, Exit(Usage, err)
	}
	c.Notices = append(c.Notices, c.UnknownVariables(os.Environ())...)
	return c, nil
}

// LoadPart reads some sections of the configuration; errors in others are ignored.
func (a *App) LoadPart(sections ...string) (*config.Config, error) {
	path, err := config.Find(a.ConfigPath, a.Getenv)
	if err != nil {
		return nil, Exit(Usage, err)
	}
	c, err := config.LoadPart(path, a.Getenv, sections...)
	if err != nil {
		return nil, Exit(Usage, err)
	}
	return c, nil
}

// Run executes a command line until it is done or ctx ends, and returns the exit status.
func (a *App) Run(ctx context.Context, root *cobra.Command, args []string) int {
	a.RawStdout, a.RawStderr = a.Stdout, a.Stderr
	a.Stdout, a.Stderr = coloured(NewTerminal(a.Stdout), a.Getenv), coloured(NewTerminal(a.Stderr), a.Getenv)
	stderr := a.Stderr
	a.notice(root)
	root.SetArgs(args)
	root.SetOut(a.Stdout)
	root.SetErr(stderr)
	command, err := root.ExecuteContextC(ctx)
	if err == nil {
		return Done
	}
	if e, ok := errors.AsType[*ExitError](err); ok {
		if e.Err != nil {
			fmt.Fprintln(stderr, e.Err)
		}
		return e.status
	}
	fmt.Fprintf(stderr, "orderbeat: %v\n", err)
	if a.began {
		return Failed
	}
	fmt.Fprintf(stderr, "see %s --help\n", command.CommandPath())
	return Usage
}

// notice makes every command below c set began.
func (a *App) notice(c *cobra.Command) {
	for _, c := range c.Commands() {
		a.notice(c)
		do := c.RunE
		c.RunE = func(c *cobra.Command, args []string) error {
			a.began, a.command = true, c.CommandPath()
			return do(c, args)
		}
	}
}

// DialWorker connects to the running worker.
func (a *App) DialWorker() (*Client, error) {
	conf, err := a.LoadPart("nats")
	if err != nil {
		return nil, err
	}
	w, err := Dial(conf.NATS)
	if err == nil && conf.WithoutProviders {
		fmt.Fprintf(a.Stderr, "note: the configuration has no providers; this command uses the worker at %s with prefix %q\n", w.server, w.prefix)
	}
	return w, err
}

// OpenDatabase opens the database read-only; call Close. It prints a note if the database belongs to a follower.
func (a *App) OpenDatabase(ctx context.Context) (*db.DB, error) {
	return a.openDatabase(ctx, a.noteFollower)
}

func (a *App) openDatabase(ctx context.Context, opened func(ctx context.Context, path string)) (*db.DB, error) {
	conf, err := a.LoadPart("db")
	if err != nil {
		return nil, err
	}
	database, err := db.OpenReadOnly(ctx, conf.DB.Path)
	if err == nil {
		opened(ctx, conf.DB.Path)
	}
	return database, err
}

// ReadDatabase calls do with the database, opened read-only.
func (a *App) ReadDatabase(ctx context.Context, do func(database *db.DB) error) error {
	database, err := a.OpenDatabase(ctx)
	if err != nil {
		return err
	}
	defer database.Close()
	return do(database)
}

// Group adds subcommands to a command that itself only prints its help.
func Group(c *cobra.Command, sub ...*cobra.Command) *cobra.Command {
	c.Args = cobra.NoArgs
	c.RunE = func(c *cobra.Command, _ []string) error { return c.Help() }
	c.AddCommand(sub...)
	return c
}
