package main

import (
	"log/slog"
	"os"
	"os/signal"
	"syscall"
)

// unmoved are the signals that end a program which does not expect them, and that others
// send to services: for a new configuration, or for new log files.
var unmoved = []os.Signal{syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGUSR2}

// survive has the process outlive signals that are no order to stop, until its end. To
// write to a log that nobody reads any more is an error that is passed over: Go would
// raise SIGPIPE for standard output and error, and systemd take that for a clean end that
// needs no restart. It returns the other signals, which are to be told in the log.
func survive() <-chan os.Signal {
	signal.Ignore(syscall.SIGPIPE)
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, unmoved...)
	return signals
}

// tellOf logs signals that change nothing, until ended is closed.
func tellOf(signals <-chan os.Signal, ended <-chan struct{}, log *slog.Logger) {
	for {
		select {
		case s := <-signals:
			log.Warn("signal ignored: nothing is reloaded; restart orderbeat to apply changes", "signal", s.String())
		case <-ended:
			return
		}
	}
}
