package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"orderbeat/clients/section"
	"orderbeat/cmd/orderbeat/config"
	"orderbeat/db"
)

// App is what the commands share.
type App struct {
	Providers      map[string]section.Kind // by kind
	Version        string
	Getenv         func(string) string
	Stdin          io.Reader
	Stdout, Stderr io.Writer // each a [terminal]
	// RawStdout and RawStderr are what is below them: for the log and the progress bar, which
	// control the terminal, and for the body of a response that goes into a file.
	RawStdout, RawStderr io.Writer
	ConfigPath           string // the flag --config
	began                bool   // the command line was right; what fails now is not its fault
}

// Load reads the whole configuration.
func (a *App) Load() (*config.Config, error) { return a.loadWith(config.Load) }

// LoadWithoutSecrets reads the whole configuration, but no secret.
func (a *App) LoadWithoutSecrets() (*config.Config, error) {
	return a.loadWith(config.LoadWithoutSecrets)
}

func (a *App) loadWith(load func(string, map[string]section.Kind, func(string) string) (*config.Config, error)) (*config.Config, error) {
	path, err := config.Find(a.ConfigPath, a.Getenv)
	if err != nil {
		return nil, Exit(Usage, err)
	}
	c, err := load(path, a.Providers, a.Getenv)
	if err != nil {
		return nil, Exit(Usage, err)
	}
	c.Notices = append(c.Notices, c.UnknownVariables(os.Environ())...)
	return c, nil
}

// LoadPart reads some sections of the configuration; nothing else needs to be right.
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
	a.Stdout, a.Stderr = NewTerminal(a.Stdout), NewTerminal(a.Stderr)
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

// notice has every command below c say that it began.
func (a *App) notice(c *cobra.Command) {
	for _, c := range c.Commands() {
		a.notice(c)
		do := c.RunE
		c.RunE = func(c *cobra.Command, args []string) error {
			a.began = true
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

// OpenDatabase opens the database to read it.
func (a *App) OpenDatabase(ctx context.Context) (*db.DB, error) {
	conf, err := a.LoadPart("db")
	if err != nil {
		return nil, err
	}
	return db.OpenReadOnly(ctx, conf.DB.Path)
}

// ReadDatabase opens the database for something that reads it.
func (a *App) ReadDatabase(ctx context.Context, do func(database *db.DB) error) error {
	database, err := a.OpenDatabase(ctx)
	if err != nil {
		return err
	}
	defer database.Close()
	return do(database)
}
