package problems_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"orderbeat/worker/problems"
)

// open returns a set whose log lines end up in lines, without their times.
func open() (*problems.Set, func() []string) {
	var buf bytes.Buffer
	log := slog.New(slog.NewTextHandler(&buf, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}}))
	return problems.NewSet(log), func() []string {
		text := strings.TrimSuffix(buf.String(), "\n")
		buf.Reset()
		if text == "" {
			return nil
		}
		return strings.Split(text, "\n")
	}
}

func equal(t *testing.T, got, want []string) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("log lines (-want +got):\n%s", diff)
	}
}

func TestRepeatedCauseIsLoggedWithGrowingPauses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		set, lines := open()
		a := set.Activity("lease")
		for i := range 24 * 60 * 60 { // a day of failures, one each second
			a.Failed("lease was not renewed", fmt.Errorf("read tcp 127.0.0.1:%d: no space", 30000+i), "bucket", "B")
			time.Sleep(time.Second)
		}
		got := lines()
		equal(t, got[:3], []string{
			`level=WARN msg="lease was not renewed" bucket=B err="read tcp 127.0.0.1:30000: no space"`,
			`level=WARN msg="still: lease was not renewed" bucket=B err="read tcp 127.0.0.1:30060: no space" for=1m0s failures=61`,
			`level=WARN msg="still: lease was not renewed" bucket=B err="read tcp 127.0.0.1:30180: no space" for=3m0s failures=181`,
		})
		if len(got) > 32 {
			t.Errorf("got %d lines in a day, want 32 at most", len(got))
		}
	})
}

func TestAlternatingCausesAreLoggedOnceEach(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		set, lines := open()
		a := set.Activity("connection")
		for i := range 30 {
			a.Failed("cannot connect", []error{errors.New("refused"), errors.New("unknown host")}[i%2])
			time.Sleep(time.Second)
		}
		equal(t, lines(), []string{`level=WARN msg="cannot connect" err=refused`, `level=WARN msg="cannot connect" err="unknown host"`})
	})
}

func TestFlappingActivityIsQuiet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		set, lines := open()
		a := set.Activity("outbox")
		for range 30 {
			a.Failed("publish failed", errors.New("no responders"))
			time.Sleep(time.Second)
			a.OK()
			time.Sleep(time.Second)
		}
		equal(t, lines(), []string{`level=WARN msg="publish failed" err="no responders"`, `level=INFO msg=recovered activity=outbox after=1s`})
	})
}

func TestCauseIsNewAfterALongAbsence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		set, lines := open()
		a := set.Activity("outbox")
		a.Failed("publish failed", errors.New("no responders"))
		a.OK()
		time.Sleep(2 * time.Minute)
		lines()
		a.Failed("publish failed", errors.New("no responders"))
		equal(t, lines(), []string{`level=WARN msg="publish failed" err="no responders"`})
	})
}

func TestStateAndMetricsFollowTheLastAttempt(t *testing.T) {
	set, _ := open()
	a := set.Activity("lease")
	pending := errors.New("not yet")
	a.Pending(pending)
	if !errors.Is(set.Activity("lease").Err(), pending) {
		t.Errorf("got %v, want %v", a.Err(), pending)
	}
	a.Failed("lease was not renewed", errors.New("full"))
	metrics := func(failing, total int) {
		t.Helper()
		registry := prometheus.NewPedanticRegistry()
		registry.MustRegister(set)
		families, err := registry.Gather()
		if err != nil {
			t.Fatal(err)
		}
		got := fmt.Sprint(families)
		for _, want := range []string{
			fmt.Sprintf(`name:"orderbeat_failing" help:"1 while the activity fails, 0 while it works." type:GAUGE metric:{label:{name:"activity" value:"lease"} gauge:{value:%d}}`, failing),
			fmt.Sprintf(`metric:{label:{name:"activity" value:"lease"} counter:{value:%d}}`, total),
		} {
			if !strings.Contains(strings.ReplaceAll(got, "  ", " "), want) {
				t.Errorf("got metrics %s, want %s", got, want)
			}
		}
	}
	metrics(1, 1)
	a.OK()
	if err := a.Err(); err != nil {
		t.Errorf("got %v after a success, want nil", err)
	}
	metrics(0, 1)
	a.Noticed("server error", errors.New("slow consumer"))
	if err := a.Err(); err != nil {
		t.Errorf("got %v after something noticed, want nil", err)
	}
	metrics(0, 2)
}

func TestCausesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		set, lines := open()
		a := set.Activity("outbox")
		cause := func(i int) error { return errors.New(strings.Repeat("x", i)) }
		for i := range 1000 {
			a.Failed("publish failed", cause(i))
			time.Sleep(time.Millisecond)
		}
		lines()
		a.Failed("publish failed", cause(999))
		equal(t, lines(), nil)
		a.Failed("publish failed", cause(0)) // forgotten
		if got := lines(); len(got) != 1 {
			t.Errorf("got %q, want one line", got)
		}
	})
}
