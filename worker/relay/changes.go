package relay

import (
	"bytes"
	"encoding/json"
	"slices"

	"orderbeat/db/outbox"
)

// onlyChanges reduces the body of an order message to the changes: it drops the order, which a
// consumer has from earlier events, a document that is also in the changes, and the elements of
// arrays that did not change. Messages about new orders, and bodies that are not valid JSON (which
// the database does not contain), are returned as they are.
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
			continue // not arrays
		}
		gone, added := differing(before, after)
		c.Before, _ = json.Marshal(gone) // cannot fail: the elements were decoded from valid JSON
		c.After, _ = json.Marshal(added)
	}
	if short, err := json.Marshal(list); err == nil {
		return short
	}
	return changes
}

// differing returns the elements that are in only one of the arrays, in their order. An element that
// occurs twice in one array and once in the other is returned once.
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
	for _, e := range slices.Backward(after) { // among equal elements, the last ones count as new
		if key := string(bytes.TrimSpace(e)); left[key] > 0 {
			left[key]--
			added = append(added, e)
		}
	}
	slices.Reverse(added)
	return gone, added
}
