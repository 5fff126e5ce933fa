package auth

import (
	"context"
	"time"
)

// unsaved is a user's row that the store did not take: the refresh token in it is the
// only one there is.
type unsaved struct {
	lease Lease
	row   Row
}

// keep stores a new token and serves it. A token that the store does not take is
// served all the same: it is granted, and asking again would only cost another.
func (s *Source) keep(ctx context.Context, lease Lease, row Row) {
	if !s.commit(ctx, lease, row) {
		if newer, err := s.store.Load(ctx, s.id.Key); err == nil && newer.Generation >= row.Generation && s.useStored(newer, time.Now()) {
			s.row.Store(&newer)
			return
		}
		if !row.Refresh.Empty() {
			s.unsaved.Store(&unsaved{lease, row})
			_ = s.save(ctx) // it is tried again, see [Source.Tend]
		}
	}
	s.row.Store(&row)
	s.live.Store(hold(row, s.remedies(row.ObtainedAt), time.Now()))
}

// save stores what could not be stored before. Until it can, nothing is asked for:
// the store has a refresh token that is spent.
func (s *Source) save(ctx context.Context) error {
	u := s.unsaved.Load()
	if u == nil {
		return nil
	}
	if s.commit(ctx, u.lease, u.row) {
		s.unsaved.Store(nil)
		return nil
	}
	lease, row, err := s.forceLease(ctx) // somebody else had the lease, or has it
	if err != nil {
		return err
	}
	if row.Generation < u.row.Generation {
		if err := s.commitForced(ctx, lease, u.row); err != nil {
			return err
		}
	} else {
		s.commit(ctx, lease, row) // it is good as it is; only the lease ends
	}
	s.unsaved.Store(nil)
	return nil
}
