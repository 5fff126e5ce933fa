package web

import (
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

const (
	// guessBurst is the number of wrong passwords that one address may send at once, followed by one every
	// guessEvery. Correct passwords do not count.
	guessBurst = 5
	guessEvery = 5 * time.Second
	// maxGuessers bounds the number of addresses with separate limits; other addresses share one limit.
	maxGuessers = 1000
	// guessLogEvery limits how often wrong passwords are logged.
	guessLogEvery = 10 * time.Second
)

// loginLimiter limits wrong passwords. It is safe for concurrent use.
type loginLimiter struct {
	log *slog.Logger

	mu       sync.Mutex // guards the rest
	of       map[netip.Prefix]*rate.Limiter
	others   *rate.Limiter
	unlogged int
	loggedAt time.Time
}

func newLoginLimiter(log *slog.Logger) *loginLimiter {
	return &loginLimiter{log: log, of: map[netip.Prefix]*rate.Limiter{}, others: newGuessLimiter()}
}

func newGuessLimiter() *rate.Limiter { return rate.NewLimiter(rate.Every(guessEvery), guessBurst) }

// allowed reports whether a password from an address may be checked.
func (g *loginLimiter) allowed(remote string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	limiter := g.of[clientPrefix(remote)]
	if limiter == nil {
		if len(g.of) < maxGuessers {
			return true // no wrong password from this address yet
		}
		limiter = g.others
	}
	return limiter.Tokens() >= 1
}

// wrong counts a wrong password.
func (g *loginLimiter) wrong(remote string) {
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

// limiter returns the limiter of an address. If there are too many, it removes limiters that have recovered.
func (g *loginLimiter) limiter(from netip.Prefix) *rate.Limiter {
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

// clientPrefix returns the prefix that counts as one client: an IPv4 address, or an IPv6 /64 network, because
// one machine can use all addresses of such a network.
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
