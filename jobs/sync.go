package jobs

import (
	"cmp"
	"fmt"
	"time"

	"orderbeat/clients"
)

// defaultLookback is the lookback of a sync without params.
const defaultLookback = "14d"

// earliest is the first valid day of a window.
const earliest clients.Date = "1970-01-01"

// planSync plans the orders of a window ([readWindow]), by default the last 14 days. A range longer
// than the provider's limit is cut into windows, oldest first.
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

// errNoWindows is the error for a provider without requests by date range.
func errNoWindows() error {
	return Invalid("the provider does not support requests by date range", "Use fetch with order_ids or references.")
}

// windowParams are the params of kinds with a date window: a lookback, or from and to.
type windowParams struct {
	// Lookback is a duration such as "14d": from today minus 14 days to today, in the account's time
	// zone.
	Lookback string `json:"lookback"`
	// From is the first day of the window, in the account's time zone.
	From clients.Date `json:"from"`
	// To is the last day of the window, today if it is absent.
	To clients.Date `json:"to"`
}

const windowKnown = `lookback ("14d"), or from and to ("2026-01-31")`

// readWindow decodes [windowParams] and returns their window.
func readWindow(planning Planning, lookback string, history int) (from, to clients.Date, err error) {
	var p windowParams
	if err := decodeParams(planning.Params, &p, windowKnown); err != nil {
		return "", "", err
	}
	return p.window(planning, lookback, history)
}

// window returns the window of the params; lookback is the default for empty params. history is
// the number of days, including today, that the provider supports, 0 for no limit. A lookback is
// shortened to it; an explicit from before it is an error.
func (p windowParams) window(planning Planning, lookback string, history int) (from, to clients.Date, err error) {
	today := clients.DateOf(planning.Now.In(location(planning.Account)))
	oldest := earliest
	if history > 0 {
		oldest = today.AddDays(1 - history)
	}
	from, to = p.From, p.To
	if from == "" && to == "" {
		first, err := daysBefore(today, "lookback", cmp.Or(p.Lookback, lookback))
		if err != nil {
			return "", "", err
		}
		from, to = max(oldest, first), today
	} else if p.Lookback != "" {
		return "", "", Invalid("lookback cannot be combined with from and to", "Use one or the other.")
	}
	if to == "" {
		to = today
	}
	for _, end := range []struct {
		name string
		day  clients.Date
	}{{"from", from}, {"to", to}} {
		if _, err := clients.ParseDate(string(end.day)); err != nil {
			return "", "", Invalid(end.name+": "+err.Error(), "A window is from and to, both days included.")
		}
	}
	switch {
	case from > to:
		return "", "", Invalid(fmt.Sprintf("the window is empty: from %s is after to %s", from, to), "Swap from and to.")
	case from > today:
		return "", "", Invalid(fmt.Sprintf("the window begins after today (%s)", today), "Choose a window that begins today or earlier.")
	case from < oldest && history > 0:
		return "", "", Invalid(fmt.Sprintf("the window begins before %s", oldest), fmt.Sprintf("The provider supports the last %d days, including today.", history))
	case from < earliest:
		return "", "", Invalid(fmt.Sprintf("the window begins before %s", earliest), "Choose a later from date.")
	}
	return from, to, nil
}

// windows splits from..to, both included, into windows of at most maxDays days; 0 means no limit.
func windows(from, to clients.Date, maxDays int) []Question {
	if maxDays == 0 {
		return []Question{{From: from, To: to}}
	}
	var cut []Question
	for from <= to {
		end := min(from.AddDays(maxDays-1), to)
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
