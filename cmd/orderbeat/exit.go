package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

// The exit statuses.
const (
	done        = 0
	failed      = 1
	usage       = 2 // the command line or the configuration is wrong
	partialOnly = 3 // some of it was done
	abandoned   = 4 // `run` stopped while jobs were still running
)

// exitError ends the program with a status. Its cause is printed as it is, if there is one.
type exitError struct {
	status int
	err    error
}

// exit returns the error that ends the program with a status. err is printed as it is; nil
// if everything is printed already.
func exit(status int, err error) error { return &exitError{status, err} }

func (e *exitError) Error() string { return fmt.Sprintf("exit status %d: %v", e.status, e.err) }

// misuse is an error of the command line that the flags alone do not show.
func misuse(format string, args ...any) error {
	return exit(usage, fmt.Errorf("orderbeat: "+format, args...))
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
