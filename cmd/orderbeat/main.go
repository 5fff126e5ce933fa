// Orderbeat syncs order status from supplier APIs, stores orders with their history in
// SQLite, and publishes changes to NATS.
//
// This package wires the program together: registry.go lists the kinds of providers, root.go
// the commands (package cli and the packages below it), run.go starts the worker. Start
// reading at road_test.go, which follows an order through the whole program.
package main

import (
	"context"
	"io"
	"net/http"
	"os"
	"os/signal"
	"syscall"

	"orderbeat/cmd/orderbeat/cli"
	"orderbeat/worker/notifier"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)                      // a second signal ends the process at once
	http.DefaultClient.Timeout = notifier.SendTimeout // some notification services use this client
	os.Exit(run(ctx, os.Args[1:], os.Getenv, os.Stdout, os.Stderr))
}

// run executes the command line args until it is done or ctx ends, and returns the exit
// status.
func run(ctx context.Context, args []string, getenv func(string) string, stdout, stderr io.Writer) int {
	a := newApp(getenv, os.Stdin, stdout, stderr)
	return a.Run(ctx, root(a), args) //nolint:contextcheck // cobra passes ctx to the commands
}

// newApp returns the app that the commands share.
func newApp(getenv func(string) string, stdin io.Reader, stdout, stderr io.Writer) *cli.App {
	return &cli.App{Providers: providers, Version: readBuild().Version, Getenv: getenv, Stdin: stdin, Stdout: stdout, Stderr: stderr}
}
