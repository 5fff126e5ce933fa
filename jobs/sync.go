package jobs

import (
	"fmt"
	"math"
	"time"

	"orderbeat/clients"
)

// defaultLookback is how far a sync without params looks back.
const defaultLookback = "14d"

// earliest bounds windows from below: no supplier has orders from before.
const earliest clients.Date = "1970-01-01"

// planSync asks for the orders of a window ([readWindow]); without params of the last 14
// days. A range longer than the provider takes is cut into windows, oldest first.
func planSync(p Planning) ([]Question, error) {
	if p.Traits.NoWindows {
		return nil, errNoWindows()
	}
	from, to, err := readWindow(p, defaultLookback, p.Traits.HistoryDays)
	if err != nil {
		return nil, err
	}
	return windows(from, to, p.Traits.MaxWindowDays), nil
}

// errNoWindows is why a provider's orders cannot be asked for by their dates.
func errNoWindows() error {
	return Invalid("the provider has no requests for orders by date range", "use fetch with order_ids or references")
}

// windowParams are the params of kinds that ask for the days of a window: {"lookback":
// "14d"}, which is from today minus 14 days to today, or {"from": "2026-01-01", "to":
// "2026-01-31"}, all days included and in the account's zone. Without "to" it ends today.
type windowParams struct {
	Lookback string       `json:"lookback"`
	From     clients.Date `json:"from"`
	To       clients.Date `json:"to"`
}

const windowKnown = `lookback ("14d"), or from and to ("2026-01-31")`

// readWindow reads [windowParams] and nothing else.
func readWindow(planning Planning, usual string, history int) (from, to clients.Date, err error) {
	var p windowParams
	if err := decodeParams(planning.Params, &p, windowKnown); err != nil {
		return "", "", err
	}
	return p.window(planning, usual, history)
}

// window is the window that the params mean; without any it looks back as usual. A
// provider may tell of the last days only, history of them with today, 0 for all: a
// lookback begins there at the earliest.
func (p windowParams) window(planning Planning, usual string, history int) (from, to clients.Date, err error) {
	today := clients.DateOf(planning.Now.In(location(planning.Account)))
	oldest := earliest
	if history > 0 {
		oldest = today.AddDays(1 - history)
	}
	from, to = p.From, p.To
	if from == "" && to == "" {
		if p.Lookback == "" {
			p.Lookback = usual
		}
		d, err := ParseDuration(p.Lookback)
		if err != nil || d < 0 {
			return "", "", Invalid("lookback "+quote(p.Lookback)+" is not a length of time", `write days, like "14d"`)
		}
		from, to = max(oldest, today.AddDays(-int(math.Ceil(d.Hours()/24)))), today
	} else if p.Lookback != "" {
		return "", "", Invalid("lookback cannot be combined with from and to", "give one or the other")
	}
	if to == "" {
		to = today
	}
	for _, end := range []struct {
		name string
		day  clients.Date
	}{{"from", from}, {"to", to}} {
		if _, err := clients.ParseDate(string(end.day)); err != nil {
			return "", "", Invalid(end.name+": "+err.Error(), "a window is from and to, both days included")
		}
	}
	switch {
	case from > to:
		return "", "", Invalid(fmt.Sprintf("the window is empty: from %s is after to %s", from, to), "exchange from and to")
	case from > today:
		return "", "", Invalid(fmt.Sprintf("the window begins after today (%s)", today), "ask for days that have been")
	case from < oldest && history > 0:
		return "", "", Invalid(fmt.Sprintf("the window begins before %s", oldest), fmt.Sprintf("the provider tells of the last %d days, today included", history))
	case from < earliest:
		return "", "", Invalid(fmt.Sprintf("the window begins before %s", earliest), "ask for fewer days")
	}
	return from, to, nil
}

// windows cuts from..to, both included, into windows of at most most days, both ends counted.
func windows(from, to clients.Date, most int) []Question {
	if most == 0 {
		return []Question{{From: from, To: to}}
	}
	var cut []Question
	for from <= to {
		end := min(from.AddDays(most-1), to)
		cut = append(cut, Question{From: from, To: end})
		from = end.AddDays(1)
	}
	return cut
}

func location(a clients.Account) *time.Location {
	if a.Location == nil {
		return time.UTC
	}
	return a.Location
}
