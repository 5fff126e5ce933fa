package jobs

import (
	"fmt"
	"math"
	"slices"

	"orderbeat/clients"
)

// The usual params of track: what is older than sync usually looks back, and not older
// than a supplier may be expected to take.
const (
	trackOlderThan = "14d"
	trackMaxAge    = "365d"
)

// OpenOrder is an order of which something is still expected, as far as track needs it.
type OpenOrder struct {
	OrderID string
	// OrderedOn is the date the supplier received it, or the day it was first seen.
	OrderedOn clients.Date
	// Unlisted is set when the newest complete response about a window that OrderedOn lies in
	// does not have the order.
	Unlisted bool
}

// planTrack asks, by number and as many to a job as the provider takes, for the orders
// that are still open and that no window reaches any more: {"older_than": "14d"}, which
// is what they are older than, and {"max_age": "365d"}, beyond which they are given up
// ([Stale]). So an order that is shipped late is seen to be, and one that its provider no
// longer lists is asked for until it is given up. A younger one is asked for as soon as a
// window lacks it ([OpenOrder.Unlisted]).
func planTrack(p Planning) ([]Question, error) {
	followed, _, err := track(p)
	if err != nil {
		return nil, err
	}
	if p.Traits.MaxReferences == 0 {
		return nil, Invalid("the provider has no requests for single orders", "it cannot be tracked: widen the window of its sync")
	}
	var questions []Question
	for some := range slices.Chunk(followed, p.Traits.MaxReferences) {
		q := Question{}
		for _, o := range some {
			q.OrderIDs = append(q.OrderIDs, o.OrderID)
		}
		questions = append(questions, q)
	}
	return questions, nil
}

// Stale are the orders that a track with these params gives up: they are open, and older
// than max_age. The error is that of the params.
func Stale(p Planning) ([]OpenOrder, error) {
	_, stale, err := track(p)
	return stale, err
}

// track splits the account's open orders into those to ask for and those to give up; the
// young ones are in neither.
func track(p Planning) (followed, stale []OpenOrder, err error) {
	params := struct {
		OlderThan string `json:"older_than"`
		MaxAge    string `json:"max_age"`
	}{trackOlderThan, trackMaxAge}
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
		return nil, nil, Invalid("max_age is not more than older_than", known)
	}
	for _, o := range p.Open {
		switch {
		case o.OrderedOn < old:
			stale = append(stale, o)
		case o.OrderedOn < young || o.Unlisted:
			followed = append(followed, o)
		}
	}
	return followed, stale, nil
}

// daysBefore is the day that lies a length of time before today.
func daysBefore(today clients.Date, name, length string) (clients.Date, error) {
	d, err := ParseDuration(length)
	if err != nil || d < 0 {
		return "", Invalid(fmt.Sprintf("%s %s is not a length of time", name, quote(length)), `write days, like "14d"`)
	}
	return today.AddDays(-int(math.Ceil(d.Hours() / 24))), nil
}
