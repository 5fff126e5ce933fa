package jobs

import "time"

// Progress is how far a run is.
type Progress struct {
	Ended int `json:"ended"`
	Total int `json:"total"`
	// LeftSeconds is about how long the rest takes; nil when nobody can say, or the run is
	// paused or has ended.
	LeftSeconds *float64 `json:"left_seconds"`
}

// Estimate says how long the rest takes if it goes on as the last jobs ended, whose times
// are given newest first.
func (p *Progress) Estimate(ended []time.Time) {
	if len(ended) < 2 {
		return
	}
	pace := ended[0].Sub(ended[len(ended)-1]) / time.Duration(len(ended)-1)
	left := (pace * time.Duration(p.Total-p.Ended)).Seconds()
	p.LeftSeconds = &left
}
