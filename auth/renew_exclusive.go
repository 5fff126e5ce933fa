package auth

import (
	"context"
	"errors"
	"time"

	"orderbeat/auth/endpoint"
)

// exclusively runs do in place of a renewal: calls that need a token wait for it and then check
// again. It first waits for a running renewal; ctx bounds that wait only.
func (s *Source) exclusively(ctx context.Context, do func(ctx context.Context) error) error {
	for {
		f, mine := s.join()
		if mine == nil {
			select {
			case <-f.done:
			case <-ctx.Done():
				return ctx.Err()
			}
			if errors.Is(f.err, errClosed) {
				return f.err
			}
			continue
		}
		defer s.flights.Done()
		defer s.finish(f)
		return do(mine) //nolint:contextcheck // do continues when the caller leaves
	}
}

// Prepare reads the stored row and serves its token if it is valid, so that [Source.Status] is known.
// It sends nothing.
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

// Unlatch ends a cooldown and forgets rejections: the operator states that the credentials are correct
// now.
func (s *Source) Unlatch(ctx context.Context) error {
	return s.exclusively(ctx, func(ctx context.Context) error {
		lease, row, err := s.forceLease(ctx)
		if err != nil {
			return err
		}
		s.config.Client.clear()
		row.State = row.unlatched()
		row.Failures, row.Refusals, row.CooldownUntil = 0, 0, time.Time{}
		return s.commitForced(ctx, lease, row)
	})
}

// forceLease takes the lease for an operator, regardless of the row's state. It waits for another
// lease to end.
func (s *Source) forceLease(ctx context.Context) (Lease, Row, error) {
	for waits := 0; ; waits++ {
		row, err := s.load(ctx)
		if err != nil {
			return Lease{}, Row{}, err
		}
		lease := s.lease(row, time.Now())
		lease.Override = true
		won, err := s.takeLease(ctx, lease)
		switch {
		case err != nil:
			return Lease{}, Row{}, err
		case won:
			row.Lost = lease.Lost // keep the count of lost responses
			return lease, row, nil
		}
		if err := pause(ctx, leasePause(waits, row)); err != nil {
			return Lease{}, Row{}, err
		}
	}
}

// commitForced writes the row under a lease of forceLease.
func (s *Source) commitForced(ctx context.Context, lease Lease, row Row) error {
	if !s.commit(ctx, lease, row) {
		return &endpoint.Error{Class: endpoint.ClassTransient, Reason: "the token store rejected the write; try again"}
	}
	s.row.Store(&row)
	return nil
}
