package jobs

import "slices"

// backfillDays is how many days one job of a backfill asks for where the provider itself
// sets no limit.
const backfillDays = 90

// planBackfill asks for the orders of any range ([windowParams]), which must be named, cut
// into windows, the oldest first or, with {"order": "newest"}, the newest. Its jobs have low
// priority: a few at a time, and one of each account.
func planBackfill(p Planning) ([]Question, error) {
	params := struct {
		windowParams
		Order string `json:"order"`
	}{Order: "oldest"}
	const known = windowKnown + `, and order ("oldest" or "newest")`
	if p.Traits.NoWindows {
		return nil, errNoWindows()
	}
	if err := decodeParams(p.Params, &params, known); err != nil {
		return nil, err
	}
	if params.windowParams == (windowParams{}) {
		return nil, Invalid("backfill needs a range", known)
	}
	from, to, err := params.window(p, "", p.Traits.HistoryDays)
	if err != nil {
		return nil, err
	}
	most := p.Traits.MaxWindowDays
	if most == 0 {
		most = backfillDays
	}
	questions := windows(from, to, most)
	switch params.Order {
	case "oldest":
	case "newest":
		slices.Reverse(questions)
	default:
		return nil, Invalid("order "+quote(params.Order)+" is neither oldest nor newest", known)
	}
	return questions, nil
}
