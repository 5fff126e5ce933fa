package worker // an inside test: it has the database fail, and the clock run

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestFailingPruneIsLoggedOnceAndRetried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var logged strings.Builder
		log := slog.New(slog.NewTextHandler(&logged, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		}}))
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		begun := time.Now()
		var at []string
		keepPruning(ctx, func(context.Context) error {
			at = append(at, time.Since(begun).String())
			switch len(at) {
			case 2, 3, 4:
				return errors.New("disk full")
			case 6:
				cancel()
			}
			return nil
		}, log)
		if diff := cmp.Diff([]string{"0s", "1h0m0s", "1h1m0s", "1h3m0s", "1h7m0s", "2h7m0s"}, at); diff != "" {
			t.Errorf("pruned at (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(`level=WARN msg="pruning failed, will retry" err="disk full"
level=INFO msg="pruning works again"
`, logged.String()); diff != "" {
			t.Errorf("log (-want +got):\n%s", diff)
		}
	})
}
