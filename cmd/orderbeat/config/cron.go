package config

import (
	"fmt"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
)

// minEvery is the shortest time between two ticks; robfig/cron rounds to whole
// seconds without a word.
const minEvery = time.Second

// parseCron reads a spec: five fields, or a descriptor such as "@hourly" or
// "@every 10m". dst is "once" (see the type once) or "strict", which leaves changes
// of the clock to robfig/cron: a skipped time is not due, a repeated one is due
// twice. Specs of "@every" know no zone.
func parseCron(spec string, zone *time.Location, dst string) (schedule cron.Schedule, err error) {
	if strings.HasPrefix(spec, "TZ=") || strings.HasPrefix(spec, "CRON_TZ=") {
		return nil, fmt.Errorf("%.60q: the zone goes into the key timezone", spec)
	}
	if every, ok := strings.CutPrefix(spec, "@every "); ok {
		d, err := time.ParseDuration(strings.TrimSpace(every))
		if err != nil || d < minEvery || d%time.Second != 0 {
			return nil, fmt.Errorf(`%.60q: write "@every" and whole seconds, minutes or hours, 1s or more, like "@every 10m"`, spec)
		}
		return cron.Every(d), nil
	}
	defer func() { // the parser slices some malformed specs out of range
		if r := recover(); r != nil {
			schedule, err = nil, notCron(spec)
		}
	}()
	parser := cron.NewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow | cron.Descriptor)
	parsed, parseErr := parser.Parse(spec)
	fields, ok := parsed.(*cron.SpecSchedule)
	if parseErr != nil || !ok {
		return nil, notCron(spec)
	}
	fields.Location = time.UTC
	if fields.Next(time.Unix(0, 0)).IsZero() {
		return nil, fmt.Errorf("%.60q never comes: no month has such a day", spec)
	}
	if dst == "strict" {
		fields.Location = zone
		return fields, nil
	}
	return once{wall: fields, zone: zone}, nil
}

func notCron(spec string) error {
	return fmt.Errorf(`%.60q is not a cron spec: write minute, hour, day, month and weekday, like "*/15 * * * *", or "@every 10m", "@hourly", "@daily"`, spec)
}
