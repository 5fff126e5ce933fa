package relay

import (
	"bytes"
	"encoding/json"
	"slices"

	"orderbeat/db/outbox"
)

// onlyChanges shortens the body of an order message to what changed: it drops the order, which a
// consumer has from earlier events, a document that is also the only change, and the elements of
// arrays that stay the same. A message about a new order is not shortened. Neither is one that is
// not valid JSON, which the database does not hold.
func onlyChanges(kind string, body []byte) []byte {
	switch kind {
	case outbox.TypeOrderChanged, outbox.TypeOrderDespatched, outbox.TypeOrderInvoiced, outbox.TypeOrderLate, outbox.TypeOrderVanished:
	default:
		return body
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(body, &fields); err != nil {
		return body
	}
	for _, name := range []string{"order", "despatch_advice", "invoice"} {
		delete(fields, name)
	}
	if changes, ok := fields["changes"]; ok {
		fields["changes"] = shortChanges(changes)
	}
	if short, err := json.Marshal(fields); err == nil {
		return short
	}
	return body
}

// shortChanges drops from each change of an array the elements that before and after have in common.
func shortChanges(changes json.RawMessage) json.RawMessage {
	var list []struct {
		Path   string          `json:"path"`
		Before json.RawMessage `json:"before"`
		After  json.RawMessage `json:"after"`
	}
	if err := json.Unmarshal(changes, &list); err != nil {
		return changes
	}
	for i := range list {
		c := &list[i]
		var before, after []json.RawMessage
		if json.Unmarshal(c.Before, &before) != nil || json.Unmarshal(c.After, &after) != nil || before == nil || after == nil {
			continue // not an array before and after
		}
		gone, added := differing(before, after)
		c.Before, _ = json.Marshal(gone) // what was decoded can be encoded
		c.After, _ = json.Marshal(added)
	}
	if short, err := json.Marshal(list); err == nil {
		return short
	}
	return changes
}

// differing returns the elements that only one of the arrays has, in their order. An element that
// occurs twice in one and once in the other differs once.
func differing(before, after []json.RawMessage) (gone, added []json.RawMessage) {
	gone, added = []json.RawMessage{}, []json.RawMessage{} // never null
	left := map[string]int{}
	for _, e := range after {
		left[string(bytes.TrimSpace(e))]++
	}
	for _, e := range before {
		if key := string(bytes.TrimSpace(e)); left[key] > 0 {
			left[key]--
		} else {
			gone = append(gone, e)
		}
	}
	for _, e := range slices.Backward(after) { // of equal elements the last ones are new
		if key := string(bytes.TrimSpace(e)); left[key] > 0 {
			left[key]--
			added = append(added, e)
		}
	}
	slices.Reverse(added)
	return gone, added
}
