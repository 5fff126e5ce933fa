package page

import (
	"fmt"

	"orderbeat/db/reports"
)

// plot is a time series that the browser draws with uPlot. Its JSON is read by assets/page.js.
type plot struct {
	Name   string   `json:"name"`
	Title  string   `json:"title"`
	Unit   string   `json:"unit,omitempty"`
	X      []int64  `json:"x"` // Unix seconds
	Series []series `json:"series"`
	Dates  bool     `json:"dates,omitempty"` // values are days, as Unix seconds
	Bars   bool     `json:"bars,omitempty"`
	Months bool     `json:"months,omitempty"` // X has the first days of months
	// Summary describes the plot as text.
	Summary string `json:"-"`
}

// series is one line of a plot. Color is one of the page's series colors, from 1.
type series struct {
	Label string     `json:"label"`
	Color int        `json:"color"`
	Y     []*float64 `json:"y"`
}

// activityPlots returns the plots of the activity of a day.
func activityPlots(points []reports.ActivityPoint, sum reports.ActivitySum) []*plot {
	calls := &plot{Name: "calls", Title: "Provider calls", Bars: true, Series: []series{{Label: "calls", Color: 1}, {Label: "errors", Color: 3}}}
	spent := &plot{Name: "latency", Title: "Duration of calls", Unit: "ms", Series: []series{{Label: "p50", Color: 1}, {Label: "p99", Color: 2}}}
	jobs := &plot{Name: "jobs", Title: "Jobs", Bars: true, Series: []series{{Label: "ended", Color: 1}, {Label: "failed", Color: 3}}}
	changes := &plot{Name: "changes", Title: "Changes of orders", Bars: true, Series: []series{{Label: "changes", Color: 4}}}
	all := []*plot{calls, spent, jobs, changes}
	for _, p := range points {
		for _, pl := range all {
			pl.X = append(pl.X, p.StartedAt.Unix())
		}
		calls.add(p.Calls, p.Errors)
		jobs.add(p.Ended, p.Failed)
		changes.add(p.Changes)
		spent.Series[0].Y, spent.Series[1].Y = append(spent.Series[0].Y, p.P50), append(spent.Series[1].Y, p.P99)
	}
	calls.Summary = fmt.Sprintf("%s in 24 h, %s failed", number(sum.Calls), number(sum.Errors))
	spent.Summary = "no calls"
	if sum.Calls > 0 {
		spent.Summary = fmt.Sprintf("p50 %s ms, p99 %s ms", number(int64(sum.P50)), number(int64(sum.P99)))
	}
	jobs.Summary = fmt.Sprintf("%s ended, %s failed", number(sum.Ended), number(sum.Failed))
	changes.Summary = number(sum.Changes) + " in 24 h"
	return all
}

// add adds a value to each series.
func (p *plot) add(values ...int64) {
	for i, n := range values {
		v := float64(n)
		p.Series[i].Y = append(p.Series[i].Y, &v)
	}
}
