package main

import (
	"io"
	"log/slog"
	"time"

	"github.com/lmittmann/tint"

	"orderbeat/auth/mask"
	"orderbeat/cmd/orderbeat/cli"
	"orderbeat/cmd/orderbeat/config"
)

// newLog returns a logger that writes text to a terminal and JSON elsewhere, unless the
// configuration says otherwise. Secrets are masked.
func newLog(to io.Writer, c config.Log, secrets *mask.Set) *slog.Logger {
	w := secrets.Writer(to) // handlers write one line per call
	level := map[string]slog.Level{
		"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError,
	}[c.Level]
	if c.Format == "text" || c.Format == "auto" && cli.IsTerminal(to) {
		return slog.New(tint.NewTextHandler(w, &tint.Options{Level: level, TimeFormat: time.TimeOnly, NoColor: !cli.IsTerminal(to)}))
	}
	return slog.New(slog.NewJSONHandler(cli.EscapedLines(w), &slog.HandlerOptions{Level: level}))
}
