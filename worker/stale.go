package worker

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"orderbeat/clients"
	"orderbeat/db"
	"orderbeat/jobs"
)

// codeStale is the alert's about an account whose orders are not known any more as well
// as they should be.
const codeStale clients.Code = "stale"

// staleness raises that alert for either of two reasons, or for both: track has given
// orders up ([staleness.givenUp]), or the account was not asked with success for longer
// than its provider's fresh_for ([staleness.look]). There is one alert for both, because
// an account has one at most of a code; it is resolved when neither holds. The planner
// notes what track gave up; the database is asked and told by run alone.
type staleness struct {
	db        *db.DB
	providers []Provider
	started   time.Time
	log       *slog.Logger

	// Only run uses these two.
	accounts map[accountKey]*condition
	recalled bool // what an earlier process left is in accounts

	changed chan struct{} // noted is not empty; capacity 1
	mu      sync.Mutex    // guards noted; not held during SQL
	noted   map[accountKey][]jobs.OpenOrder
}

type accountKey struct{ provider, account string }

// condition is what is stale about an account; told is what its alert says.
type condition struct{ givenUp, silent, told complaint }

// complaint is why an account is stale, and what can be done; the zero complaint is none.
type complaint struct{ message, hint string }

// both is what there is to tell.
func (c *condition) both() complaint {
	switch {
	case c.silent == complaint{}:
		return c.givenUp
	case c.givenUp == complaint{}:
		return c.silent
	}
	return complaint{c.silent.message + ". Besides, " + c.givenUp.message, c.silent.hint + ". Besides, " + c.givenUp.hint}
}

func newStaleness(c Config) *staleness {
	return &staleness{
		db: c.DB, providers: c.Providers, started: time.Now(), log: c.Log, accounts: map[accountKey]*condition{},
		changed: make(chan struct{}, 1), noted: map[accountKey][]jobs.OpenOrder{},
	}
}

// run looks at all accounts now and then, and when something was noted, until ctx ends.
func (s *staleness) run(ctx context.Context) {
	every := staleLook
	for _, p := range s.providers {
		if p.FreshFor > 0 {
			every = min(every, p.FreshFor/10)
		}
	}
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for ctx.Err() == nil {
		s.look(ctx, time.Now())
		select {
		case <-ctx.Done():
		case <-ticker.C:
		case <-s.changed:
		}
	}
}

// givenUp notes which orders of an account track follows no more; none ends it. It may be
// called at any time.
func (s *staleness) givenUp(provider, account string, orders []jobs.OpenOrder) {
	s.mu.Lock()
	s.noted[accountKey{provider, account}] = orders
	s.mu.Unlock()
	select {
	case s.changed <- struct{}{}:
	default: // run looks soon
	}
}

// takeNoted returns what was noted since the last call.
func (s *staleness) takeNoted() map[accountKey][]jobs.OpenOrder {
	s.mu.Lock()
	defer s.mu.Unlock()
	noted := s.noted
	s.noted = map[accountKey][]jobs.OpenOrder{}
	return noted
}

// of is the condition of an account.
func (s *staleness) of(provider, account string) *condition {
	key := accountKey{provider, account}
	if s.accounts[key] == nil {
		s.accounts[key] = &condition{}
	}
	return s.accounts[key]
}

// tell has the alert say what holds. Raised and resolved is told to everybody; that
// another reason came or went stands in the table.
func (s *staleness) tell(ctx context.Context, key accountKey, c *condition) error {
	now := c.both()
	if now == c.told {
		return nil
	}
	a := db.Alert{Provider: key.provider, Account: key.account, Code: codeStale, Message: now.message, Hint: now.hint}
	var err error
	switch {
	case now == complaint{}:
		_, err = s.db.Resolve(ctx, a.Provider, a.Account, "", a.Code)
	case c.told == complaint{}:
		_, err = s.db.Raise(ctx, a)
	default:
		err = s.db.Reword(ctx, a)
	}
	if err != nil {
		return err
	}
	switch {
	case now == complaint{}:
		s.log.Info("alert resolved", "provider", a.Provider, "account", a.Account, "code", a.Code)
	case c.told == complaint{}:
		s.log.Warn("alert raised", "provider", a.Provider, "account", a.Account, "code", a.Code, "err", a.Message, "hint", a.Hint)
	}
	c.told = now
	return nil
}

// recall learns, once, which alerts an earlier process raised, and for which reason: the
// orders that track gave up are found again, and where there are none it was silence.
func (s *staleness) recall(ctx context.Context) error {
	if s.recalled {
		return nil
	}
	raised, err := s.db.Alerts(ctx, true)
	if err != nil {
		return err
	}
	for _, a := range raised {
		p, configured := byName(s.providers)[a.Provider]
		account, ok := accountOf(p, a.Account)
		if a.Code != codeStale || !configured || !ok { // what is about nobody, the watch resolves
			continue
		}
		orders, err := s.lastGivenUp(ctx, p, account)
		if err != nil {
			return err
		}
		c := s.of(a.Provider, a.Account)
		c.told = complaint{a.Message, a.Hint}
		if c.givenUp = givenUp(a.Provider, orders); c.givenUp == (complaint{}) {
			c.silent = c.told
		}
	}
	s.recalled = true
	return nil
}

// lastGivenUp are the orders of an account that its last track gives up.
func (s *staleness) lastGivenUp(ctx context.Context, p Provider, account clients.Account) ([]jobs.OpenOrder, error) {
	runs, err := s.db.Runs(ctx, db.RunFilter{Provider: p.Name, Kind: "track"})
	if err != nil {
		return nil, err
	}
	open, err := s.db.OpenOrders(ctx, p.Name, account.Name)
	if err != nil {
		return nil, err
	}
	traits, err := clients.TraitsOf(p.Provider)
	if err != nil {
		return nil, err
	}
	for _, r := range runs {
		if len(r.Accounts) > 0 && !slices.Contains(r.Accounts, account.Name) {
			continue
		}
		orders, err := jobs.Stale(jobs.Planning{Params: r.Params, Account: account, Traits: traits, Open: open, Now: time.Now()})
		if err == nil { // else it was refused, and gave up nothing
			return orders, nil
		}
	}
	return nil, nil
}

// givenUp is the reason that orders are.
func givenUp(provider string, orders []jobs.OpenOrder) complaint {
	if len(orders) == 0 {
		return complaint{}
	}
	return complaint{
		"open for longer than track follows orders, and no longer asked for: " + firstOf(orders),
		"ask the supplier, or ask once more: runs." + provider + ".fetch with order_ids; a longer max_age follows them on",
	}
}

// lengthOf is a length of time as the configuration has it: "2h", not "2h0m0s".
func lengthOf(d time.Duration) string {
	text := d.String()
	for _, end := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(text, end) {
			text = text[:len(text)-2]
		}
	}
	return text
}
