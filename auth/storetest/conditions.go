package storetest

import (
	"testing"
	"time"

	"orderbeat/auth"
)

// leases checks every condition of a lease. Unless a case says otherwise, the row is full and its
// cooldown is over, and the lease has the row's generation and credential.
func leases(t *testing.T, open func(t *testing.T) auth.Store, full func() auth.Row) {
	t.Helper()
	for _, tt := range []struct {
		name string
		row  func(r *auth.Row) // nil for no row
		ask  func(l *auth.Lease)
		want bool
	}{
		{"no row yet", nil, first, true},
		{"no row yet, but a generation", nil, plain, false},
		{"another key", keep, func(l *auth.Lease) { l.Key, l.Generation = "k2", 0 }, true},
		{"a row that is not blocked", keep, plain, true},
		{"an older generation", keep, first, false},
		{"a newer generation", keep, func(l *auth.Lease) { l.Generation = 2 }, false},
		{"another generation by override", keep, func(l *auth.Lease) { l.Generation, l.Override = 2, true }, false},

		{"a cooldown", cooling, plain, false},
		{"a cooldown that ends now", func(r *auth.Row) { r.CooldownUntil = now }, plain, true},
		{"a cooldown after a failure in the future", func(r *auth.Row) { cooling(r); r.Failure.At = now.Add(time.Millisecond) }, plain, true},
		{"a cooldown after a failure just now", func(r *auth.Row) { cooling(r); r.Failure.At = now }, plain, false},
		{"a cooldown that ends within a millisecond", func(r *auth.Row) { r.CooldownUntil = now.Add(900 * time.Microsecond) }, plain, false},
		{"a cooldown, another credential", cooling, other, true},
		{"a cooldown by override", cooling, override, true},
		{"a cooldown of an unknown credential", func(r *auth.Row) { cooling(r); r.Credential = "" }, plain, true},
		{"an empty row in cooldown", func(r *auth.Row) {
			*r = auth.Row{Key: r.Key, State: auth.StateEmpty, Credential: "c", CooldownUntil: now.Add(time.Second)}
		}, first, false},

		{"a rejected row", refused, plain, false},
		{"a rejected row, another credential", refused, other, true},
		{"a rejected row by override", refused, override, true},
		{"a row without consent", unconsented, plain, false},
		{"a row without consent, another credential", unconsented, other, true},
		{"a row without consent by override", unconsented, override, true},
		{"a row with neither consent nor a credential", func(r *auth.Row) { unconsented(r); r.Credential = "" }, func(l *auth.Lease) { l.Generation, l.Credential = 1, "" }, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, l := open(t), lease()
			l.Owner = "you"
			if tt.row != nil {
				row := full()
				row.CooldownUntil = time.Time{}
				tt.row(&row)
				put(t, s, row)
			}
			tt.ask(&l)
			take(t, s, l, tt.want)
		})
	}
}

func keep(*auth.Row)          {}
func cooling(r *auth.Row)     { r.CooldownUntil = now.Add(time.Second) }
func refused(r *auth.Row)     { r.State = auth.StateRejected }
func unconsented(r *auth.Row) { r.State = auth.StateConsent }
func first(l *auth.Lease)     { l.Generation = 0 }
func plain(l *auth.Lease)     { l.Generation = 1 }
func other(l *auth.Lease)     { l.Generation, l.Credential = 1, "other" }
func override(l *auth.Lease)  { l.Generation, l.Override = 1, true }

func commits(t *testing.T, s auth.Store, full auth.Row) {
	t.Helper()
	first := lease()
	commit(t, s, first, full, false) // without any lease
	take(t, s, first, true)

	second := first
	second.Owner = "you"
	take(t, s, second, false) // it is taken
	forced := second
	forced.Override, forced.Credential = true, "other"
	take(t, s, forced, false) // an override does not break a lease
	commit(t, s, second, full, false)
	second.At, second.Until = first.Until.Add(-100*time.Microsecond), first.Until.Add(time.Minute)
	take(t, s, second, false) // valid for another 100 µs
	second.At = first.Until
	take(t, s, second, true) // it expired
	commit(t, s, first, full, false)
	outdated := second
	outdated.Generation = 7
	commit(t, s, outdated, full, false)
	commit(t, s, second, full, true)
	commit(t, s, second, full, false) // the commit ended it
}
