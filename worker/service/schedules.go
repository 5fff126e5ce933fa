package service

import (
	"context"
	"fmt"
	"strings"
	"time"

	"orderbeat/worker/api"
	"orderbeat/worker/settings"
)

func (s *Service) listSchedules(ctx context.Context, _ *request, _ struct{}) (any, error) {
	schedules := s.Settings.Now().Schedules
	list := make([]api.Schedule, len(schedules))
	for i, schedule := range schedules {
		var err error
		if list[i], err = s.Schedule(ctx, schedule); err != nil {
			return nil, err
		}
	}
	return api.Schedules{Schedules: list}, nil
}

// pauseSchedule pauses a schedule: its due times start no runs until it is resumed.
func (s *Service) pauseSchedule(ctx context.Context, _ *request, q api.ScheduleName) (any, error) {
	schedule, err := s.named(q)
	if err != nil {
		return nil, err
	}
	if err := s.DB.PauseSchedule(ctx, schedule.Name, q.Note, time.Now()); err != nil {
		return nil, err
	}
	s.Log.InfoContext(ctx, "schedule paused", "schedule", schedule.Name, "note", q.Note)
	reply, err := s.Schedule(ctx, schedule)
	s.SchedulePaused(ctx, schedule.Name, reply.Pause)
	return api.OneSchedule{Schedule: reply}, err
}

func (s *Service) resumeSchedule(ctx context.Context, _ *request, q api.ScheduleName) (any, error) {
	schedule, err := s.named(q)
	if err != nil {
		return nil, err
	}
	if was, err := s.DB.ResumeSchedule(ctx, schedule.Name); err != nil {
		return nil, err
	} else if was {
		s.Log.InfoContext(ctx, "schedule resumed", "schedule", schedule.Name)
	}
	s.SchedulePaused(ctx, schedule.Name, nil)
	reply, err := s.Schedule(ctx, schedule)
	return api.OneSchedule{Schedule: reply}, err
}

// triggerSchedule starts a schedule's run now, even if the schedule is paused. The schedule's overlap
// policy applies.
func (s *Service) triggerSchedule(ctx context.Context, r *request, q api.ScheduleName) (any, error) {
	schedule, err := s.named(q)
	if err != nil {
		return nil, err
	}
	request := schedule.Request()
	request.Traceparent = r.Header.Get("traceparent")
	run, err := s.Start(ctx, request)
	return api.Run{Run: run}, err
}

// named returns the schedule with the name in the request, and checks the note.
func (s *Service) named(q api.ScheduleName) (settings.Schedule, error) {
	now := s.Settings.Now()
	schedule, ok := now.Schedule(q.Name)
	if !ok {
		return schedule, notFound(fmt.Sprintf("no schedule %.80q", q.Name), "configured: "+strings.Join(now.ScheduleNames(), ", "))
	}
	return schedule, checkNote(q.Note)
}
