package config

import (
	"time"

	"github.com/robfig/cron/v3"
)

// once is a cron schedule read against a zone's wall clock, in which each local
// time that the spec names happens once: a time that the clocks skip in spring is
// due at the first instant after the gap, together with what else is due then, and
// a time that they repeat in autumn is due at its first occurrence only.
//
// A spec with many times a day rests while the clocks repeat an hour. Where that
// matters, use @every, UTC, or dst = "strict".
type once struct {
	wall *cron.SpecSchedule // its Location is UTC: UTC's clock has no gaps
	zone *time.Location
}

// Next is the first due time after t, in the zone; the zero time when there is none.
func (o once) Next(t time.Time) time.Time {
	wall := onUTC(t.In(o.zone))
	for {
		wall = o.wall.Next(wall)
		if wall.IsZero() {
			return wall
		}
		// While the clocks repeat an hour, the next local times are already past.
		if due := firstInstant(wall, o.zone); due.After(t) {
			return due
		}
	}
}

// onUTC is the instant at which UTC's clock shows what t's clock shows at t.
func onUTC(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.UTC)
}

// firstInstant is the first instant at which zone's clock shows what UTC's clock
// shows at wall, or, when it never does, the end of the gap that wall is in.
func firstInstant(wall time.Time, zone *time.Location) time.Time {
	near := time.Date(wall.Year(), wall.Month(), wall.Day(), wall.Hour(), wall.Minute(), wall.Second(), wall.Nanosecond(), zone)
	start, end := near.ZoneBounds()
	if shown := onUTC(near); shown.After(wall) {
		return start // near was counted from the clock before the gap, and lies after it
	} else if shown.Before(wall) {
		return end
	}
	if start.IsZero() {
		return near
	}
	// near exists; it may be the second time that the clock shows this.
	_, offset := near.Zone()
	_, earlier := start.Add(-time.Nanosecond).Zone()
	if first := near.Add(time.Duration(offset-earlier) * time.Second); first.Before(start) && first.Before(near) {
		return first
	}
	return near
}
