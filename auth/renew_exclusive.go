package auth

import (
	"context"
	"math/rand/v2"
	"orderbeat/auth/endpoint"
	"time"
)

// exclusively does something as the source's one flight: calls that need a token meanwhile
// wait for it, and then look again. It waits for a flight under way. What do does is
// not cancelled with ctx, which bounds the waiting only.
func (s *Source) exclusively(ctx context.Context, do func(ctx context.Context) error) error {
	for {
		f, mine := s.join()
		if mine == nil {
			select {
			case <-f.done:
			case <-ctx.Done():
				return ctx.Err()
			}
			if s.isClosed() {
				return closedError()
			}
			continue
		}
		defer s.flights.Done()
		defer s.finish(f)
		return do(mine) //nolint:contextcheck // what was begun goes on when the caller leaves
	}
}

func (s *Source) isClosed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}

// Prepare reads what an earlier process left, and serves its token if that lives, so
// that [Source.Status] can tell. It sends nothing.
//
// The error is an *[endpoint.Error], or ctx's.
func (s *Source) Prepare(ctx context.Context) error {
	return s.exclusively(ctx, func(ctx context.Context) error {
		row, err := s.load(ctx)
		if err == nil {
			s.useStored(row, time.Now())
		}
		return err
	})
}

// Unlatch ends a cooldown, and forgets that credentials were refused: a person knows
// that they are right now.
func (s *Source) Unlatch(ctx context.Context) error {
	return s.exclusively(ctx, func(ctx context.Context) error {
		lease, row, err := s.forceLease(ctx)
		if err != nil {
			return err
		}
		s.client.clear()
		row.State = row.unlatched()
		row.Failures, row.Refusals, row.CooldownUntil = 0, 0, time.Time{}
		return s.commitForced(ctx, lease, row)
	})
}

// forceLease takes the lease on a person's behalf, whatever state the row is in. It waits
// for another's to end.
func (s *Source) forceLease(ctx context.Context) (Lease, Row, error) {
	for {
		row, err := s.load(ctx)
		if err != nil {
			return Lease{}, Row{}, err
		}
		lease := s.lease(row, time.Now())
		lease.Override = true
		won, err := s.take(ctx, lease)
		switch {
		case err != nil:
			return Lease{}, Row{}, err
		case won:
			row.Lost = lease.Lost // an answer that was lost stays lost
			return lease, row, nil
		}
		if err := pause(ctx, 20*time.Millisecond+rand.N(40*time.Millisecond)); err != nil {
			return Lease{}, Row{}, &endpoint.Error{Class: endpoint.ClassTransient, Reason: "another process renews the token, and does not end", Err: err}
		}
	}
}

// commitForced writes the row of a lease that was seized.
func (s *Source) commitForced(ctx context.Context, lease Lease, row Row) error {
	if !s.commit(ctx, lease, row) {
		return &endpoint.Error{Class: endpoint.ClassTransient, Reason: "the token store did not take it; try again"}
	}
	s.row.Store(&row)
	return nil
}
