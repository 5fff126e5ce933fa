// Orderbeat keeps a picture of a business's orders true: it asks suppliers, keeps
// what they report in SQLite, and tells NATS what changed.
//
// This package is the commands and the wiring: registry.go lists the kinds of
// providers, run.go puts the worker together, api.go asks a running one. Start reading
// at road_test.go, which follows an order through the whole program.
package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	os.Exit(run(ctx, os.Args[1:], os.Getenv, os.Stdout, os.Stderr))
}

// run is the program: it does what args say until it is done or ctx ends, and
// returns the exit status.
func run(ctx context.Context, args []string, getenv func(string) string, stdout, stderr io.Writer) int {
	a := newApp(getenv, os.Stdin, stdout, stderr)
	return a.run(ctx, root(a), args) //nolint:contextcheck // cobra passes ctx to the commands
}

// newApp returns what the commands share.
func newApp(getenv func(string) string, stdin io.Reader, stdout, stderr io.Writer) *app {
	return &app{providers: providers, version: readBuild().Version, getenv: getenv, stdin: stdin, stdout: stdout, stderr: stderr}
}
