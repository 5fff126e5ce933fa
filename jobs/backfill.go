package jobs

import "slices"

// backfillDays is the number of days per backfill job when the provider sets no limit.
const backfillDays = 90

// backfillParams are the params of backfill: a lookback, or from and to; one of them is required.
type backfillParams struct {
	windowParams
	// Order is "oldest" (the default) or "newest": the end of the range to begin with.
	Order string `json:"order"`
}

// planBackfill plans the orders of any date range ([windowParams]). The range is required. It is
// cut into windows, oldest first, or newest first with {"order": "newest"}. Backfill jobs have
// low priority: a few run at a time, at most one per account.
func planBackfill(p Planning) ([]Question, error) {
	params := backfillParams{Order: "oldest"}
	const known = windowKnown + `, and order ("oldest" or "newest")`
	if p.Traits.NoWindows {
		return nil, errNoWindows()
	}
	if err := decodeParams(p.Params, &params, known); err != nil {
		return nil, err
	}
	if params.windowParams == (windowParams{}) {
		return nil, Invalid("backfill requires a date range", known)
	}
	from, to, err := params.window(p, "", p.Traits.HistoryDays)
	if err != nil {
		return nil, err
	}
	most := p.Traits.MaxWindowDays
	if most == 0 {
		most = backfillDays
	}
	queries := windows(from, to, most)
	switch params.Order {
	case "oldest":
	case "newest":
		slices.Reverse(queries)
	default:
		return nil, Invalid("unknown order "+quote(params.Order)+" (oldest, newest)", known)
	}
	return queries, nil
}
