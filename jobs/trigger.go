package jobs

import (
	"strings"
	"time"
)

const schedulePrefix = "schedule:"

// ScheduleTrigger returns the trigger of the runs of a schedule.
func ScheduleTrigger(schedule string) string { return schedulePrefix + schedule }

// ScheduleOf returns the schedule of a trigger; ok is false if the trigger is not a schedule.
func ScheduleOf(trigger string) (schedule string, ok bool) {
	return strings.CutPrefix(trigger, schedulePrefix)
}

const consentPrefix = "consent:"

// ConsentTrigger returns the trigger of a catch-up run after a user granted access.
func ConsentTrigger(user string) string { return consentPrefix + user }

// IsConsent reports whether a trigger is a [ConsentTrigger].
func IsConsent(trigger string) bool { return strings.HasPrefix(trigger, consentPrefix) }

// TickKey returns the key of the run that a schedule starts at a due time: "<schedule>@<due time,
// RFC 3339 in UTC>".
func TickKey(schedule string, due time.Time) string {
	return schedule + "@" + due.UTC().Truncate(time.Second).Format(time.RFC3339)
}

// TickOf returns the schedule and the due time of a [TickKey]; ok is false for another key.
func TickOf(key string) (schedule string, due time.Time, ok bool) {
	at := strings.LastIndexByte(key, '@')
	if at < 0 {
		return "", time.Time{}, false
	}
	due, err := time.Parse(time.RFC3339, key[at+1:])
	return key[:at], due, err == nil
}
