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

// levels are the values of log.level.
var levels = map[string]slog.Level{
	"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError,
}

// newLog returns a logger that writes text to a terminal and JSON elsewhere, unless the
// configuration says otherwise, and its level, which can be changed later. Secrets are masked.
func newLog(to io.Writer, c config.Log, secrets *mask.Set) (*slog.Logger, *slog.LevelVar) {
	w := secrets.Writer(to) // handlers write one line per call
	level := &slog.LevelVar{}
	level.Set(levels[c.Level])
	if c.Format == "text" || c.Format == "auto" && cli.IsTerminal(to) {
		return slog.New(tint.NewTextHandler(w, &tint.Options{Level: level, TimeFormat: time.TimeOnly, NoColor: !cli.IsTerminal(to)})), level
	}
	return slog.New(slog.NewJSONHandler(cli.EscapedLines(w), &slog.HandlerOptions{Level: level})), level
}
