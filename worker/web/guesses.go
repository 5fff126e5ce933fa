package web

import (
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

const (
	// guessBurst wrong passwords of one address are checked at once, and then one every
	// guessEvery. Correct ones do not count.
	guessBurst = 5
	guessEvery = 5 * time.Second
	// maxGuessers bounds how many addresses are counted separately; others share one limit.
	maxGuessers = 1000
	// guessLogEvery limits how often wrong passwords are logged.
	guessLogEvery = 10 * time.Second
)

// guesses limits wrong passwords. It is safe for concurrent use.
type guesses struct {
	log *slog.Logger

	mu       sync.Mutex // guards the rest
	of       map[netip.Prefix]*rate.Limiter
	others   *rate.Limiter
	unlogged int
	loggedAt time.Time
}

func newGuesses(log *slog.Logger) *guesses {
	return &guesses{log: log, of: map[netip.Prefix]*rate.Limiter{}, others: newGuessLimiter()}
}

func newGuessLimiter() *rate.Limiter { return rate.NewLimiter(rate.Every(guessEvery), guessBurst) }

// allowed reports whether a password from an address may be checked.
func (g *guesses) allowed(remote string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	limiter := g.of[clientPrefix(remote)]
	if limiter == nil {
		if len(g.of) < maxGuessers {
			return true // no wrong one yet
		}
		limiter = g.others
	}
	return limiter.Tokens() >= 1
}

// wrong counts a wrong password.
func (g *guesses) wrong(remote string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now, from := time.Now(), clientPrefix(remote)
	g.limiter(from).AllowN(now, 1)
	g.unlogged++
	if now.Sub(g.loggedAt) >= guessLogEvery {
		g.log.Warn("wrong password for the web listener", "address", from.Addr().String(), "times", g.unlogged)
		g.unlogged, g.loggedAt = 0, now
	}
}

// limiter is the limit of an address. Limits that have recovered are removed to make room.
func (g *guesses) limiter(from netip.Prefix) *rate.Limiter {
	if limiter := g.of[from]; limiter != nil {
		return limiter
	}
	if len(g.of) >= maxGuessers {
		for address, limiter := range g.of {
			if limiter.Tokens() >= guessBurst {
				delete(g.of, address)
			}
		}
	}
	if len(g.of) >= maxGuessers {
		return g.others
	}
	g.of[from] = newGuessLimiter()
	return g.of[from]
}

// clientPrefix is what counts as one client: an IPv4 address, or an IPv6 network, all of whose
// addresses one machine may have.
func clientPrefix(remote string) netip.Prefix {
	at, err := netip.ParseAddrPort(remote)
	if err != nil {
		return netip.Prefix{}
	}
	bits := 32
	address := at.Addr().Unmap().WithZone("")
	if address.Is6() {
		bits = 64
	}
	prefix, _ := address.Prefix(bits) // the length is valid
	return prefix
}
