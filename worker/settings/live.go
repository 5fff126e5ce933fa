package settings

import (
	"slices"
	"sync/atomic"
)

// Live has the current providers and schedules. A reload replaces all of them at once. It
// is safe for concurrent use.
type Live struct{ now atomic.Pointer[Set] }

// Set has the providers and schedules of one configuration. It is immutable.
type Set struct {
	// Providers and Schedules are in the order of the configuration.
	Providers []Provider
	Schedules []Schedule
	byName    map[string]Provider
}

// NewLive returns the settings of a configuration.
func NewLive(providers []Provider, schedules []Schedule) *Live {
	l := &Live{}
	l.Replace(providers, schedules)
	return l
}

// Replace replaces all settings.
func (l *Live) Replace(providers []Provider, schedules []Schedule) {
	l.now.Store(&Set{Providers: providers, Schedules: schedules, byName: ByName(providers)})
}

// Now returns the current settings.
func (l *Live) Now() *Set { return l.now.Load() }

// Providers returns the current providers.
func (l *Live) Providers() []Provider { return l.Now().Providers }

// Provider finds a provider by name.
func (s *Set) Provider(name string) (Provider, bool) {
	p, ok := s.byName[name]
	return p, ok
}

// Schedule finds a schedule by name.
func (s *Set) Schedule(name string) (Schedule, bool) {
	i := slices.IndexFunc(s.Schedules, func(s Schedule) bool { return s.Name == name })
	if i < 0 {
		return Schedule{}, false
	}
	return s.Schedules[i], true
}

// ProviderNames returns the names of the providers.
func (s *Set) ProviderNames() []string {
	names := make([]string, len(s.Providers))
	for i, p := range s.Providers {
		names[i] = p.Name
	}
	return names
}

// ScheduleNames returns the names of the schedules.
func (s *Set) ScheduleNames() []string {
	names := make([]string, len(s.Schedules))
	for i, schedule := range s.Schedules {
		names[i] = schedule.Name
	}
	return names
}

// Hold finds a provider and keeps it open until release is called; ok is false if it is not
// configured. Jobs hold their provider, so that a replaced provider is closed only after its last job.
func (l *Live) Hold(name string) (p Provider, release func(), ok bool) {
	for {
		p, ok = l.Now().Provider(name)
		if !ok || p.Uses == nil {
			return p, func() {}, ok
		}
		if p.Uses.begin() {
			return p, p.Uses.end, true
		}
		// It was replaced in the meantime: look it up again.
	}
}
