package main

import (
	"log/slog"
	"os"
	"os/signal"
	"syscall"
)

// handledSignals are sent to services to reload a configuration or reopen log files. By default they
// would end the process.
var handledSignals = []os.Signal{syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGUSR2}

// otherSignals keeps signals other than SIGINT and SIGTERM from ending the process, and returns them.
// SIGPIPE is ignored: Go raises it when standard output or error is closed, and systemd treats it as a
// clean exit that needs no restart.
func otherSignals() <-chan os.Signal {
	signal.Ignore(syscall.SIGPIPE)
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, handledSignals...)
	return signals
}

// handleSignals requests a reload at SIGHUP and logs the other signals, until ended is closed. reloads
// has a capacity of 1: a reload that has not begun covers further requests.
func handleSignals(signals <-chan os.Signal, reloads chan<- struct{}, ended <-chan struct{}, log *slog.Logger) {
	for {
		select {
		case s := <-signals:
			if s != syscall.SIGHUP {
				log.Warn("signal ignored: SIGHUP reloads the configuration", "signal", s.String())
				continue
			}
			select {
			case reloads <- struct{}{}:
			default: // one is requested already
			}
		case <-ended:
			return
		}
	}
}
