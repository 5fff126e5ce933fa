package web

import (
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

const (
	// guessBurst wrong passwords of one address are answered at once, and then one every
	// guessEvery. Right ones do not count.
	guessBurst = 5
	guessEvery = 5 * time.Second
	// maxGuessers bounds how many addresses are counted apart; others share one count.
	maxGuessers = 1000
	// guessLogEvery is how often wrong passwords are logged at most.
	guessLogEvery = 10 * time.Second
)

// guesses counts wrong passwords. It is safe for concurrent use.
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

// allowed reports whether a password from an address is looked at.
func (g *guesses) allowed(remote string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	limiter := g.of[guesser(remote)]
	if limiter == nil {
		if len(g.of) < maxGuessers {
			return true // no wrong one yet
		}
		limiter = g.others
	}
	return limiter.Tokens() >= 1
}

// wrong notes a wrong password.
func (g *guesses) wrong(remote string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now, from := time.Now(), guesser(remote)
	g.limiter(from).AllowN(now, 1)
	g.unlogged++
	if now.Sub(g.loggedAt) >= guessLogEvery {
		g.log.Warn("wrong password for the web listener", "address", from.Addr().String(), "times", g.unlogged)
		g.unlogged, g.loggedAt = 0, now
	}
}

// limiter is the count of an address. Those that have recovered make room for new ones.
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

// guesser is who counts as one: an address, or a network of IPv6, of which one machine has
// all addresses.
func guesser(remote string) netip.Prefix {
	at, err := netip.ParseAddrPort(remote)
	if err != nil {
		return netip.Prefix{}
	}
	bits := 32
	address := at.Addr().Unmap().WithZone("")
	if address.Is6() {
		bits = 64
	}
	prefix, _ := address.Prefix(bits) // of a right length
	return prefix
}
