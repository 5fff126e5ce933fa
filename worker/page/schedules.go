package page

import (
	"net/http"
	"time"

	"orderbeat/db/reports"
	"orderbeat/worker/api"
)

type schedulesBody struct{ Schedules []scheduleRow }

type scheduleRow struct {
	api.Schedule
	Ticks []reports.Tick // the last ones, the oldest first
}

// shownTicks is the maximum number of ticks that are shown, tickDays their maximum age in days.
const (
	shownTicks = 40
	tickDays   = 7
)

// schedules lists schedules with their last ticks.
func (p *Page) schedules(rw http.ResponseWriter, r *http.Request) error {
	var list api.Schedules
	if err := p.Call(r.Context(), "schedules.list", struct{}{}, &list); err != nil {
		return err
	}
	var b schedulesBody
	for _, s := range list.Schedules {
		ticks, err := p.DB.Reports().LastTicks(r.Context(), s.Name, time.Now().AddDate(0, 0, -tickDays), shownTicks)
		if err != nil {
			return err
		}
		b.Schedules = append(b.Schedules, scheduleRow{Schedule: s, Ticks: ticks})
	}
	return p.show(rw, r, http.StatusOK, "schedules.html", "schedules", "Schedules", b)
}
