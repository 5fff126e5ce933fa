package web // an inside test: it needs several addresses and a synctest clock

import (
	"fmt"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"
)

func TestWrongPasswordsAreCountedByAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newLoginLimiter(slog.New(slog.DiscardHandler))
		for range 100 {
			g.wrong("192.0.2.1:1000")
		}
		g.wrong("[2001:db8::1]:1")
		for range 10 {
			g.wrong("[2001:db8::2]:1")
		}
		for remote, want := range map[string]bool{
			"192.0.2.1:2000": false, "[::ffff:192.0.2.1]:3000": false, "192.0.2.2:1": true, "[2001:db8::3]:1": false, "[2001:db8:1::1]:1": true, "no address": true,
		} {
			if got := g.allowed(remote); got != want {
				t.Errorf("%s: got %v, want %v", remote, got, want)
			}
		}
		time.Sleep(guessEvery)
		if !g.allowed("192.0.2.1:1") {
			t.Error("an address is still rejected after the pause")
		}
		for n := range 3 * maxGuessers {
			g.wrong(fmt.Sprintf("10.%d.%d.1:1", n/256, n%256))
		}
		if len(g.of) > maxGuessers {
			t.Errorf("got %d addresses, want %d at most", len(g.of), maxGuessers)
		}
		if g.allowed("172.16.0.1:1") {
			t.Error("those who are too many to be counted apart are not slowed")
		}
		time.Sleep(time.Hour)
		g.wrong("172.16.0.1:1")
		if len(g.of) != 1 {
			t.Errorf("got %d addresses, want those that rested forgotten", len(g.of))
		}
	})
}
