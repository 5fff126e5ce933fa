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
	"orderbeat/cmd/orderbeat/config/cronspec"
	"orderbeat/cmd/orderbeat/config/tomlfile"
	"orderbeat/jobs"
	"orderbeat/worker/settings"
)

// Schedule is a [[schedules]] section.
type Schedule struct {
	settings.Schedule
	// Location is the time zone of the spec.
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

// maxPauseAfter is the maximum of pause_after.
const maxPauseAfter = 1000

// maxJitter is the maximum of jitter.
const maxJitter = 24 * time.Hour

// scheduleSection is a [[schedules]] section before it is checked.
type scheduleSection struct {
	Name     string `toml:"name,required"`
	Cron     string `toml:"cron,required"`
	AtStart  bool   `toml:"at_start"`
	Timezone string `toml:"timezone"`
	// Provider is the name of a [providers.<name>] section.
	Provider string         `toml:"provider,required"`
	Kind     string         `toml:"kind,required"`
	Params   map[string]any `toml:"params"`
	Accounts []string       `toml:"accounts"`
	Priority jobs.Priority  `toml:"priority"`
	Overlap  string         `toml:"overlap"`
	CatchUp  string         `toml:"catch_up"`
	Jitter   time.Duration  `toml:"jitter"`
	DST      string         `toml:"dst"`

	PauseAfter int `toml:"pause_after"`
}

func (l *loader) schedules() {
	seen := map[string]string{}
	for i, s := range l.file.Schedules {
		path := tomlfile.Index("schedules", i)
		l.distinct(seen, path, s.Name)
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
	if s.Jitter > maxJitter {
		l.add(path+".jitter", "want 24h or less, got %s", s.Jitter)
	}
	if s.PauseAfter < 0 || s.PauseAfter > maxPauseAfter {
		l.add(path+".pause_after", "want 0 (never) to %d failed runs, got %d", maxPauseAfter, s.PauseAfter)
	}
	s.Overlap, s.CatchUp, s.DST = cmp.Or(s.Overlap, "skip"), cmp.Or(s.CatchUp, "last"), cmp.Or(s.DST, "once")
	l.oneOf(path+".overlap", s.Overlap, "skip", "queue_one", "allow")
	if s.Priority != "" {
		l.oneOf(path+".priority", string(s.Priority), string(jobs.Normal), string(jobs.Low))
	}
	l.oneOf(path+".catch_up", s.CatchUp, "none", "last", "all")
	l.oneOf(path+".dst", s.DST, "once", "strict")
	zone := l.zone(path+".timezone", s.Timezone)
	spec, err := cronspec.Parse(s.Cron, zone, s.DST)
	if err != nil {
		l.add(path+".cron", "%v", err)
	}
	out := Schedule{Location: zone, Schedule: settings.Schedule{
		Name: s.Name, Spec: s.Cron, Zone: zone.String(), Cron: spec, AtStart: s.AtStart, Provider: s.Provider, Kind: s.Kind,
		Accounts: s.Accounts, Priority: s.Priority, Overlap: s.Overlap, CatchUp: s.CatchUp, Jitter: s.Jitter, PauseAfter: s.PauseAfter,
	}}
	if s.Params != nil {
		if out.Params, err = json.Marshal(s.Params); err != nil {
			l.add(path+".params", "%v", err)
		}
	}
	l.request(path, out, s.Params)
	return out
}

// request checks the requests of a schedule's runs against the provider's section, even if
// that has errors.
func (l *loader) request(path string, s Schedule, params map[string]any) {
	if _, ok := l.file.Providers[s.Provider]; !ok {
		l.add(path+".provider", "%.80q is not configured; configured: %s", s.Provider, strings.Join(slices.Sorted(maps.Keys(l.file.Providers)), ", "))
	}
	target := jobs.Target{Traits: anyTraits}
	if at := slices.IndexFunc(l.config.Providers, func(p Provider) bool { return p.Name == s.Provider }); at >= 0 {
		p := l.config.Providers[at]
		target = jobs.Target{Traits: p.Traits, Accounts: l.chosen(path+".accounts", s.Accounts, p)}
	}
	if len(target.Accounts) == 0 {
		target.Accounts = []clients.Account{{}} // params do not depend on accounts
	}
	kind, ok := jobs.Kinds[s.Kind]
	if !ok {
		l.add(path+".kind", "%.40q is not a kind of run; known kinds: %s", s.Kind, strings.Join(slices.Sorted(maps.Keys(jobs.Kinds)), ", "))
		return
	}
	if kind.Request == nil {
		l.complete(s.Provider, target.Accounts)
	}
	l.params(path+".params", params, func(params map[string]any) *clients.Error {
		text, err := json.Marshal(params)
		if err != nil {
			return clients.AsError(err) // reported already
		}
		request := jobs.Request{Provider: s.Provider, Kind: s.Kind, Params: text}
		_, _, err = jobs.Plan(request, map[string]jobs.Target{s.Provider: target}, time.Now())
		return clients.AsError(err)
	})
}

// complete checks that accounts have what order requests need.
func (l *loader) complete(provider string, accounts []clients.Account) {
	for _, p := range l.config.Providers {
		if p.Name != provider || p.lacks == nil {
			continue
		}
		for i, a := range p.Accounts {
			if slices.ContainsFunc(accounts, func(b clients.Account) bool { return b.Name == a.Name }) {
				l.addProvider(tomlfile.Index(tomlfile.Key("providers", p.Name)+".accounts", i), p.lacks(a))
			}
		}
	}
}

// chosen checks the account names of a schedule (none means all) and returns the accounts with these
// names. If some of the provider's account names cannot be read, unknown names are not reported.
func (l *loader) chosen(path string, names []string, p Provider) []clients.Account {
	if len(names) == 0 {
		return p.Accounts
	}
	section, _ := l.file.Providers[p.Name].(map[string]any)
	_, list := section["accounts"].([]any)
	readable := list || section["accounts"] == nil
	for _, a := range p.Accounts {
		readable = readable && strings.TrimSpace(a.Name) != ""
	}
	var chosen []clients.Account
	for i, name := range names {
		if slices.Contains(names[:i], name) {
			l.add(tomlfile.Index(path, i), "%.80q is listed twice", name)
			continue
		}
		at := slices.IndexFunc(p.Accounts, func(a clients.Account) bool { return a.Name == name })
		switch {
		case at >= 0:
			chosen = append(chosen, p.Accounts[at])
		case readable:
			l.add(tomlfile.Index(path, i), "%.80q is not an account of %s", name, p.Name)
		}
	}
	return chosen
}

// params checks a schedule's params, at path, by planning a run: first each param alone, then
// the valid ones together.
func (l *loader) params(path string, params map[string]any, plan func(params map[string]any) *clients.Error) {
	add := func(key string, err *clients.Error) {
		l.add(key, "%s; %s", strings.TrimPrefix(err.Message, "params: "), err.Hint)
	}
	same := func(a, b *clients.Error) bool { return a != nil && b != nil && a.Message == b.Message }
	without := plan(nil)
	known := maps.Clone(params)
	for _, key := range slices.Sorted(maps.Keys(params)) {
		// null means unset, but unknown names are errors.
		if err := plan(map[string]any{key: nil}); err != nil && !same(err, without) {
			add(tomlfile.Key(path, key), err)
			delete(known, key)
		}
	}
	err := plan(known)
	if follows := len(known) < len(params) && same(err, without); err != nil && !follows {
		add(path, err)
	}
}
