package cronspec

import (
	"time"

	"github.com/robfig/cron/v3"
)

// everyOccurrence is due whenever a zone's clock shows one of the spec's times: not at a skipped
// time, twice at a repeated one.
type everyOccurrence struct {
	wall *cron.SpecSchedule // its Location is UTC: UTC's clock has no gaps
	zone *time.Location
}

// Next is the first due time after t, in the zone; the zero time when there is none.
func (s everyOccurrence) Next(t time.Time) time.Time {
	t = t.In(s.zone)
	for wall := onUTC(t); ; {
		_, offset := t.Zone()
		_, end := t.ZoneBounds()
		next := s.wall.Next(wall)
		if next.IsZero() {
			return next
		}
		if due := next.Add(-time.Duration(offset) * time.Second).In(s.zone); end.IsZero() || due.Before(end) {
			return due
		}
		t = end // the clock shows another time, which may be due
		wall = onUTC(end).Add(-time.Nanosecond)
	}
}

// oncePerDay is due once at each local time of the spec: at the end of the gap for a time that
// the clock skips in spring, and at the first occurrence of a time that it repeats in autumn.
type oncePerDay struct {
	wall *cron.SpecSchedule // its Location is UTC
	zone *time.Location
}

// Next is the first due time after t, in the zone; the zero time when there is none.
func (s oncePerDay) Next(t time.Time) time.Time {
	wall := onUTC(t.In(s.zone))
	for {
		wall = s.wall.Next(wall)
		if wall.IsZero() {
			return wall
		}
		// While the clocks repeat an hour, the next local times are already past.
		if due := firstInstant(wall, s.zone); due.After(t) {
			return due
		}
	}
}

// onUTC returns the instant at which UTC's clock shows the local time of t.
func onUTC(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.UTC)
}

// firstInstant returns the first instant at which zone's clock shows the UTC time of wall, or
// the end of the gap if it never does.
func firstInstant(wall time.Time, zone *time.Location) time.Time {
	near := time.Date(wall.Year(), wall.Month(), wall.Day(), wall.Hour(), wall.Minute(), wall.Second(), wall.Nanosecond(), zone)
	start, end := near.ZoneBounds()
	if shown := onUTC(near); shown.After(wall) {
		return start // near was computed with the offset before the gap, and is after it
	} else if shown.Before(wall) {
		return end
	}
	if start.IsZero() {
		return near
	}
	// near exists; it may be the second occurrence.
	_, offset := near.Zone()
	_, earlier := start.Add(-time.Nanosecond).Zone()
	if first := near.Add(time.Duration(offset-earlier) * time.Second); first.Before(start) && first.Before(near) {
		return first
	}
	return near
}
