package main

import (
	"log/slog"
	"os"
	"os/signal"
	"syscall"
)

// ignoredSignals are sent to services to reload a configuration or reopen log files. By
// default they would end the process.
var ignoredSignals = []os.Signal{syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGUSR2}

// ignoreSignals keeps signals other than SIGINT and SIGTERM from ending the process, and
// returns them, to be logged. SIGPIPE is ignored too: Go raises it when standard output or
// error is closed, and systemd treats it as a clean exit that needs no restart.
func ignoreSignals() <-chan os.Signal {
	signal.Ignore(syscall.SIGPIPE)
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, ignoredSignals...)
	return signals
}

// logSignals logs ignored signals until ended is closed.
func logSignals(signals <-chan os.Signal, ended <-chan struct{}, log *slog.Logger) {
	for {
		select {
		case s := <-signals:
			log.Warn("signal ignored: nothing is reloaded; restart orderbeat to apply changes", "signal", s.String())
		case <-ended:
			return
		}
	}
}
