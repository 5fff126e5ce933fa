package jobs

import (
	"fmt"
	"math"
	"slices"

	"orderbeat/clients"
)

// Default params of track: orders older than the default lookback of sync, up to one year.
const (
	trackOlderThan = "14d"
	trackMaxAge    = "365d"
)

// OpenOrder is an open order with the fields that track needs.
type OpenOrder struct {
	OrderID string
	// OrderedOn is the date when the supplier received the order, or the day it was first seen.
	OrderedOn clients.Date
	// Unlisted is set if the newest complete response for a window that contains OrderedOn
	// does not list the order.
	Unlisted bool
}

// trackParams are the params of track.
type trackParams struct {
	// OlderThan is a duration, "14d" by default: older open orders are requested.
	OlderThan string `json:"older_than"`
	// MaxAge is a duration, "365d" by default: orders older than this are no longer requested.
	MaxAge string `json:"max_age"`
}

// planTrack plans requests by number for open orders that sync windows no longer reach, up to
// [clients.Traits.MaxReferences] per job. It tracks orders older than {"older_than": "14d"} up to
// {"max_age": "365d"}; older orders are stale ([Stale]). This detects late shipments, and requests an
// order that the provider no longer lists until it is stale. A younger order is
// tracked as soon as its window does not list it ([OpenOrder.Unlisted]).
func planTrack(p Planning) ([]Question, error) {
	tracked, _, err := track(p)
	if err != nil {
		return nil, err
	}
	if p.Traits.MaxReferences == 0 {
		return nil, Invalid("the provider does not support requests for single orders", "Orders cannot be tracked. Use a longer lookback for sync.")
	}
	var queries []Question
	for batch := range slices.Chunk(tracked, p.Traits.MaxReferences) {
		q := Question{}
		for _, o := range batch {
			q.OrderIDs = append(q.OrderIDs, o.OrderID)
		}
		queries = append(queries, q)
	}
	return queries, nil
}

// Stale returns the open orders older than max_age, which track no longer requests. It returns an
// error if the params are invalid.
func Stale(p Planning) ([]OpenOrder, error) {
	_, stale, err := track(p)
	return stale, err
}

// track returns the account's open orders to request and the stale ones. Young orders are in
// neither.
func track(p Planning) (tracked, stale []OpenOrder, err error) {
	params := trackParams{trackOlderThan, trackMaxAge}
	const known = `older_than ("14d") and max_age ("365d")`
	if err := decodeParams(p.Params, &params, known); err != nil {
		return nil, nil, err
	}
	today := clients.DateOf(p.Now.In(location(p.Account)))
	young, err := daysBefore(today, "older_than", params.OlderThan)
	if err != nil {
		return nil, nil, err
	}
	old, err := daysBefore(today, "max_age", params.MaxAge)
	if err != nil {
		return nil, nil, err
	}
	if old >= young {
		return nil, nil, Invalid("max_age must be greater than older_than", known)
	}
	for _, o := range p.Open {
		switch {
		case o.OrderedOn < old:
			stale = append(stale, o)
		case o.OrderedOn < young || o.Unlisted:
			tracked = append(tracked, o)
		}
	}
	return tracked, stale, nil
}

// daysBefore returns the day that is a duration before today, rounded up to whole days.
func daysBefore(today clients.Date, name, length string) (clients.Date, error) {
	d, err := ParseDuration(length)
	if err != nil || d < 0 {
		return "", Invalid(fmt.Sprintf("%s %s is not a duration", name, quote(length)), `Write days like "14d".`)
	}
	return today.AddDays(-int(math.Ceil(d.Hours() / 24))), nil
}
