package worker

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"orderbeat/db"
	"orderbeat/worker/scheduler"
)

// scheduleReply is one schedule, and how it stands.
type scheduleReply struct {
	Name     string   `json:"name"`
	Cron     string   `json:"cron"`
	Timezone string   `json:"timezone"`
	Provider string   `json:"provider"`
	Kind     string   `json:"kind"`
	Accounts []string `json:"accounts"`
	// NextDue is nil when the schedule is never due again.
	NextDue  *time.Time `json:"next_due_at"`
	LastTick *db.Tick   `json:"last_tick"`
	Pause    *db.Pause  `json:"pause"`
}

func (s *service) listSchedules(ctx context.Context, r *request) (any, error) {
	if err := r.decode(&struct{}{}); err != nil {
		return nil, err
	}
	list := make([]scheduleReply, 0, len(s.schedules))
	for _, schedule := range s.schedules {
		reply, err := s.scheduleReply(ctx, schedule)
		if err != nil {
			return nil, err
		}
		list = append(list, reply)
	}
	return map[string]any{"schedules": list}, nil
}

func (s *service) scheduleReply(ctx context.Context, schedule Schedule) (scheduleReply, error) {
	reply := scheduleReply{
		Name: schedule.Name, Cron: schedule.Spec, Timezone: schedule.Zone, Provider: schedule.Provider, Kind: schedule.Kind,
		Accounts: orEmpty(schedule.Accounts),
	}
	w, err := s.db.Watermark(ctx, schedule.Name)
	if err != nil {
		return reply, err
	}
	reply.LastTick = w.Last
	next, ok := s.clock.NextDue(schedule.Name)
	if !ok { // it begins, or is never due
		next, ok = scheduler.NextDue(schedule.Cron, w, time.Now())
	}
	if ok {
		reply.NextDue = &next
	}
	pause, ok, err := s.db.Paused(ctx, schedule.Name)
	if ok {
		reply.Pause = &pause
	}
	return reply, err
}

// pauseSchedule has a schedule's due times start nothing until it is resumed.
func (s *service) pauseSchedule(ctx context.Context, r *request) (any, error) {
	schedule, note, err := s.named(r)
	if err != nil {
		return nil, err
	}
	if err := checkNote(note); err != nil {
		return nil, err
	}
	if err := s.db.PauseSchedule(ctx, schedule.Name, note, time.Now()); err != nil {
		return nil, err
	}
	s.log.Info("a schedule is paused", "schedule", schedule.Name, "note", note)
	return s.oneSchedule(ctx, schedule)
}

func (s *service) resumeSchedule(ctx context.Context, r *request) (any, error) {
	schedule, _, err := s.named(r)
	if err != nil {
		return nil, err
	}
	if was, err := s.db.ResumeSchedule(ctx, schedule.Name); err != nil {
		return nil, err
	} else if was {
		s.log.Info("a schedule is resumed", "schedule", schedule.Name)
	}
	return s.oneSchedule(ctx, schedule)
}

// triggerSchedule starts a schedule's run now, also while it is paused: but for the
// accounts that still work at an earlier one, where it says so.
func (s *service) triggerSchedule(ctx context.Context, r *request) (any, error) {
	schedule, _, err := s.named(r)
	if err != nil {
		return nil, err
	}
	request := schedule.Request()
	request.Traceparent = r.Header.Get("traceparent")
	run, err := s.planner.start(ctx, request)
	if err != nil {
		return nil, err
	}
	return map[string]any{"run": run}, nil
}

func (s *service) oneSchedule(ctx context.Context, schedule Schedule) (any, error) {
	reply, err := s.scheduleReply(ctx, schedule)
	return map[string]any{"schedule": reply}, err
}

// named is the schedule that a request names, and its note.
func (s *service) named(r *request) (Schedule, string, error) {
	var q struct {
		Name string `json:"name"`
		Note string `json:"note"`
	}
	if err := r.decode(&q); err != nil {
		return Schedule{}, "", err
	}
	i := slices.IndexFunc(s.schedules, func(schedule Schedule) bool { return schedule.Name == q.Name })
	if i < 0 {
		names := make([]string, len(s.schedules))
		for i := range s.schedules {
			names[i] = s.schedules[i].Name
		}
		return Schedule{}, "", notFound(fmt.Sprintf("no schedule %.80q", q.Name), "configured: "+strings.Join(names, ", "))
	}
	return s.schedules[i], q.Note, nil
}
