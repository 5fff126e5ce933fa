package worker

import (
	"context"
	"fmt"
	"time"

	"orderbeat/db"
)

const (
	// staleLook is how often it is looked at most which accounts are stale.
	staleLook = time.Minute
	// staleGrace is how long a worker that has just started may take to ask for what its
	// schedules missed, before that is held against an account.
	staleGrace = 5 * time.Minute
)

// look finds out of every account whether it was asked with success lately, and which
// orders track gave up. What the database does not take, the next look tells.
func (s *staleness) look(ctx context.Context, now time.Time) {
	if err := s.lookAt(ctx, now); err != nil && ctx.Err() == nil {
		s.log.Warn("could not check which accounts are stale; trying again", "err", err)
	}
}

func (s *staleness) lookAt(ctx context.Context, now time.Time) error {
	if err := s.recall(ctx); err != nil {
		return err
	}
	for key, orders := range s.takeNoted() {
		s.of(key.provider, key.account).givenUp = givenUp(key.provider, orders)
	}
	list, err := s.db.Freshness(ctx, "")
	if err != nil {
		return err
	}
	fresh := map[accountKey]db.AccountFreshness{}
	for _, f := range list {
		fresh[accountKey{f.Provider, f.Account}] = f
	}
	for _, p := range s.providers {
		for _, a := range p.Accounts {
			key := accountKey{p.Name, a.Name}
			c := s.of(p.Name, a.Name)
			c.silent = s.silence(p, a.Name, fresh[key], c.silent != complaint{}, now)
			if err := s.tell(ctx, key, c); err != nil {
				return err
			}
		}
	}
	return nil
}

// silence is the complaint that an account was not asked with success for too long. One
// of which nothing was ever told has as long since the worker started; complained says
// that this is known already, perhaps since before that.
func (s *staleness) silence(p Provider, account string, f db.AccountFreshness, complained bool, now time.Time) complaint {
	last, running := f.LastSuccessAt, now.Sub(s.started)
	switch {
	case p.FreshFor == 0,
		last == nil && !complained && running <= p.FreshFor,
		last != nil && now.Sub(*last) <= p.FreshFor,
		last != nil && !complained && running < min(staleGrace, p.FreshFor):
		return complaint{}
	}
	c := complaint{
		message: "its orders were never told",
		hint:    fmt.Sprintf("orderbeat schedules tells whether one that asks is due, or paused; orderbeat sync %s --account %s asks now", p.Name, account),
	}
	if last != nil {
		c.message = "its orders were last told at " + last.UTC().Format(time.RFC3339)
	}
	c.message += fmt.Sprintf(", and are to be every %s (fresh_for); ", lengthOf(p.FreshFor))
	if !failing(f) {
		c.message += "nobody asks"
		return c
	}
	c.message += "the last failure is " + string(f.FailureCode)
	c.hint = fmt.Sprintf("orderbeat jobs --provider %s --account %s tells what failed, orderbeat doctor %s whether the credentials are good", p.Name, account, p.Name)
	return c
}

// failing reports whether the account was asked since its last success.
func failing(f db.AccountFreshness) bool {
	return f.LastFailureAt != nil && (f.LastSuccessAt == nil || f.LastFailureAt.After(*f.LastSuccessAt))
}
