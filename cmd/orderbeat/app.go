package main

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

// app is what the commands share.
type app struct {
	providers      map[string]section.Kind // by kind
	version        string
	getenv         func(string) string
	stdin          io.Reader
	stdout, stderr io.Writer // each a [terminal]
	// rawStdout and rawStderr are what is below them: for the log and the progress bar, which
	// control the terminal, and for the body of an answer that goes into a file.
	rawStdout, rawStderr io.Writer
	configPath           string // the flag --config
	began                bool   // the command line was right; what fails now is not its fault
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
		return nil, exit(usage, err)
	}
	c, err := load(path, a.providers, a.getenv)
	if err != nil {
		return nil, exit(usage, err)
	}
	c.Notices = append(c.Notices, c.UnknownVariables(os.Environ())...)
	return c, nil
}

// loadPart reads some sections of the configuration; nothing else needs to be right.
func (a *app) loadPart(sections ...string) (*config.Config, error) {
	path, err := config.Find(a.configPath, a.getenv)
	if err != nil {
		return nil, exit(usage, err)
	}
	c, err := config.LoadPart(path, a.getenv, sections...)
	if err != nil {
		return nil, exit(usage, err)
	}
	return c, nil
}

// run executes a command line until it is done or ctx ends, and returns the exit status.
func (a *app) run(ctx context.Context, root *cobra.Command, args []string) int {
	a.rawStdout, a.rawStderr = a.stdout, a.stderr
	a.stdout, a.stderr = newTerminal(a.stdout), newTerminal(a.stderr)
	stderr := a.stderr
	a.notice(root)
	root.SetArgs(args)
	root.SetOut(a.stdout)
	root.SetErr(stderr)
	command, err := root.ExecuteContextC(ctx)
	if err == nil {
		return done
	}
	if e, ok := errors.AsType[*exitError](err); ok {
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

// dialWorker connects to the running worker.
func (a *app) dialWorker() (*client, error) {
	conf, err := a.loadPart("nats")
	if err != nil {
		return nil, err
	}
	w, err := dial(conf.NATS)
	if err == nil && conf.WithoutProviders {
		fmt.Fprintf(a.stderr, "note: the configuration has no providers; this command uses the worker at %s with prefix %q\n", w.server, w.prefix)
	}
	return w, err
}

// openDatabase opens the database to read it.
func (a *app) openDatabase(ctx context.Context) (*db.DB, error) {
	conf, err := a.loadPart("db")
	if err != nil {
		return nil, err
	}
	return db.OpenReadOnly(ctx, conf.DB.Path)
}

// read opens the database for something that reads it.
func (a *app) read(ctx context.Context, do func(database *db.DB) error) error {
	database, err := a.openDatabase(ctx)
	if err != nil {
		return err
	}
	defer database.Close()
	return do(database)
}
