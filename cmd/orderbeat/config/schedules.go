package config

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"orderbeat/clients"
	"orderbeat/jobs"
	"orderbeat/worker"
)

// Schedule is one of the [[schedules]].
type Schedule struct {
	worker.Schedule
	// Spec is the cron spec as it is written.
	Spec string
	// Location is the zone that the spec is read in.
	Location *time.Location
}

// Due lists the first n due times after t, in the schedule's zone.
func (s Schedule) Due(t time.Time, n int) []time.Time {
	var due []time.Time
	for t = s.Cron.Next(t); !t.IsZero() && len(due) < n; t = s.Cron.Next(t) {
		due = append(due, t.In(s.Location))
	}
	return due
}

// scheduleSection is one of the [[schedules]] as it is written.
type scheduleSection struct {
	Name     string         `toml:"name,required"`
	Cron     string         `toml:"cron,required"`
	AtStart  bool           `toml:"at_start"`
	Timezone string         `toml:"timezone"`
	Provider string         `toml:"provider,required"`
	Kind     string         `toml:"kind,required"`
	Params   map[string]any `toml:"params"`
	Accounts []string       `toml:"accounts"`
	Overlap  string         `toml:"overlap"`
	CatchUp  string         `toml:"catch_up"`
	Jitter   time.Duration  `toml:"jitter"`
	DST      string         `toml:"dst"`
}

func (l *loader) schedules() {
	seen := map[string]string{}
	for i, s := range l.file.Schedules {
		path := index("schedules", i)
		if first, taken := seen[s.Name]; taken && s.Name != "" {
			l.add(path+".name", "%.80q is the name of %s already", s.Name, first)
		}
		seen[s.Name] = path
		l.config.Schedules = append(l.config.Schedules, l.schedule(path, s))
	}
}

func (l *loader) schedule(path string, s scheduleSection) Schedule {
	if s.Name == "" || utf8.RuneCountInString(s.Name) > maxName {
		l.add(path+".name", "want a name of 1 to %d characters", maxName)
	}
	if s.Jitter < 0 {
		l.add(path+".jitter", "want 0s or more, got %s", s.Jitter)
	}
	s.Overlap, s.CatchUp, s.DST = cmp.Or(s.Overlap, "skip"), cmp.Or(s.CatchUp, "last"), cmp.Or(s.DST, "once")
	l.oneOf(path+".overlap", s.Overlap, "skip", "queue_one", "allow")
	if s.Overlap == "queue_one" {
		l.add(path+".overlap", `"queue_one" is not supported yet: use skip or allow`)
	}
	l.oneOf(path+".catch_up", s.CatchUp, "none", "last", "all")
	l.oneOf(path+".dst", s.DST, "once", "strict")
	zone := l.zone(path+".timezone", s.Timezone)
	spec, err := parseCron(s.Cron, zone, s.DST)
	if err != nil {
		l.add(path+".cron", "%v", err)
	}
	out := Schedule{Spec: s.Cron, Location: zone, Schedule: worker.Schedule{
		Name: s.Name, Cron: spec, AtStart: s.AtStart, Provider: s.Provider, Kind: s.Kind,
		Accounts: s.Accounts, Overlap: s.Overlap, CatchUp: s.CatchUp, Jitter: s.Jitter,
	}}
	if s.Params != nil {
		if out.Params, err = json.Marshal(s.Params); err != nil {
			l.add(path+".params", "%v", err)
		}
	}
	l.asks(path, out)
	return out
}

// asks checks what a schedule's runs would ask, by planning one.
func (l *loader) asks(path string, s Schedule) {
	if _, ok := jobs.Kinds[s.Kind]; !ok {
		l.add(path+".kind", "%.40q is not a kind of run; known kinds: %s", s.Kind, strings.Join(slices.Sorted(maps.Keys(jobs.Kinds)), ", "))
		return
	}
	if _, ok := l.file.Providers[s.Provider]; !ok {
		l.add(path+".provider", "%.80q is not configured; configured: %s", s.Provider, strings.Join(slices.Sorted(maps.Keys(l.file.Providers)), ", "))
		return
	}
	at := slices.IndexFunc(l.config.Providers, func(p Provider) bool { return p.Name == s.Provider })
	if at < 0 {
		return // the provider's own mistakes are told
	}
	p := l.config.Providers[at]
	for i, name := range s.Accounts {
		if !slices.ContainsFunc(p.Accounts, func(a clients.Account) bool { return a.Name == name }) {
			l.add(index(path+".accounts", i), "%.80q is not an account of %s", name, p.Name)
			return
		}
	}
	request := jobs.Request{Provider: s.Provider, Kind: s.Kind, Accounts: s.Accounts, Params: s.Params}
	targets := map[string]jobs.Target{p.Name: {Traits: p.Traits, Accounts: p.Accounts}}
	if _, _, err := jobs.Plan(request, targets, time.Now()); err != nil {
		e := clients.AsError(err)
		l.add(path+".params", "%s; %s", strings.TrimPrefix(e.Message, "params: "), e.Hint)
	}
}
