package main

import (
	"io"
	"log/slog"
	"time"

	"github.com/lmittmann/tint"

	"orderbeat/cmd/orderbeat/config"
)

// newLog writes lines for people to a terminal, and JSON elsewhere, unless the
// configuration says otherwise.
func newLog(w io.Writer, c config.Log) *slog.Logger {
	level := map[string]slog.Level{
		"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError,
	}[c.Level]
	if c.Format == "text" || c.Format == "auto" && isTerminal(w) {
		return slog.New(tint.NewTextHandler(w, &tint.Options{Level: level, TimeFormat: time.TimeOnly, NoColor: !isTerminal(w)}))
	}
	return slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level}))
}
