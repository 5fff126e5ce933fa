package cli

import (
	"fmt"

	"github.com/spf13/cobra"
)

// The exit statuses.
const (
	Done      = 0
	Failed    = 1
	Usage     = 2 // the command line or the configuration is invalid
	Partial   = 3 // part of it was done
	Abandoned = 4 // `run` stopped while jobs were still running
)

// ExitError ends the program with a status. Its cause, if any, is printed unchanged.
type ExitError struct {
	status int
	Err    error
}

// Exit returns the error that ends the program with a status. err is printed unchanged; nil
// if everything is printed already.
func Exit(status int, err error) error { return &ExitError{status, err} }

func (e *ExitError) Error() string { return fmt.Sprintf("exit status %d: %v", e.status, e.Err) }

// ExitOf returns the exit error of a command that succeeded for some of several items: nil if for all.
func ExitOf(succeeded, all int) error {
	switch succeeded {
	case all:
		return nil
	case 0:
		return Exit(Failed, nil)
	default:
		return Exit(Partial, nil)
	}
}

// Misuse returns a usage error that cobra cannot detect.
func Misuse(format string, args ...any) error {
	return Exit(Usage, fmt.Errorf("orderbeat: "+format, args...))
}

// OneArg requires exactly one argument; what names it in the error.
func OneArg(what string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) != 1 {
			return fmt.Errorf("expected one argument, %s, got %d", what, len(args))
		}
		return nil
	}
}
