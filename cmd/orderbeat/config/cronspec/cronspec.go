// Package cronspec parses the cron specs of schedules, and defines their due times around
// clock changes of a zone. It has no loop and no state. Start reading at [Parse];
// fields.go reads the five fields, zone.go finds due times in a zone.
package cronspec

import (
	"fmt"
	"strings"
	"time"

	"github.com/robfig/cron/v3"

	"orderbeat/jobs"
)

// The shortest and the longest interval of "@every".
const (
	minEvery = time.Second
	maxEvery = 366 * 24 * time.Hour
)

// descriptors are names for five fields.
const descriptors = "@yearly, @annually, @monthly, @weekly, @daily, @midnight, @hourly"

// Parse parses a spec: five fields, a descriptor such as "@hourly", or "@every 10m".
//
// Where the zone's clocks change, a spec with "*" or a step in its minutes or hours keeps
// real time: "*/15 * * * *" is due every 15 minutes, also while an hour is repeated. Other
// specs name times of the day. With dst "once" each is due once a day: a skipped time at
// the end of the gap, a repeated one at its first occurrence. With "strict" a skipped time
// is not due, and a repeated one is due twice. This is Vixie cron's rule. "@every" does
// not depend on the zone.
func Parse(spec string, zone *time.Location, dst string) (cron.Schedule, error) {
	switch {
	case strings.HasPrefix(spec, "TZ=") || strings.HasPrefix(spec, "CRON_TZ="):
		return nil, fmt.Errorf("%.60q: the zone goes into the key timezone", spec)
	case spec == "@every" || strings.HasPrefix(spec, "@every "):
		return parseEvery(spec)
	case strings.HasPrefix(spec, "@"):
		wall, err := parser.Parse(spec)
		if err != nil {
			return nil, fmt.Errorf(`%.60q: want one of %s, or "@every" and an interval, like "@every 10m"`, spec, descriptors)
		}
		return inZone(wall, zone, dst, spec == "@hourly")
	}
	standard, realTime, err := parseFields(spec)
	if err != nil {
		return nil, err
	}
	wall, err := parser.Parse(standard)
	if err != nil {
		return nil, fmt.Errorf("%.60q: %w", spec, err)
	}
	if wall.Next(time.Unix(0, 0).UTC()).IsZero() {
		return nil, fmt.Errorf("%.60q is never due: no month has such a day", spec)
	}
	return inZone(wall, zone, dst, realTime)
}

var parser = cron.NewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow | cron.Descriptor)

func parseEvery(spec string) (cron.Schedule, error) {
	d, err := jobs.ParseDuration(strings.TrimSpace(strings.TrimPrefix(spec, "@every")))
	if err != nil || d < minEvery || d > maxEvery || d%time.Second != 0 {
		return nil, fmt.Errorf(`%.60q: write "@every" and whole seconds, minutes, hours or days, from 1s to 366d, like "@every 10m"`, spec)
	}
	return cron.Every(d), nil
}

// inZone applies a parsed spec to a zone's clock.
func inZone(wall cron.Schedule, zone *time.Location, dst string, realTime bool) (cron.Schedule, error) {
	fields, ok := wall.(*cron.SpecSchedule)
	if !ok {
		return nil, fmt.Errorf("unsupported schedule type %T", wall)
	}
	fields.Location = time.UTC
	if realTime || dst == "strict" {
		return everyOccurrence{wall: fields, zone: zone}, nil
	}
	return oncePerDay{wall: fields, zone: zone}, nil
}
