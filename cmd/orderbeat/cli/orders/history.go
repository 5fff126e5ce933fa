package orders

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"orderbeat/clients"
	"orderbeat/cmd/orderbeat/cli"
	"orderbeat/db"
	"orderbeat/db/orders"
	"orderbeat/db/outbox"
)

// readHistory reads every event of an order.
func readHistory(ctx context.Context, database *db.DB, o orders.StoredOrder) ([]outbox.Event, error) {
	const page = 200
	events := []outbox.Event{}
	for after := 0; ; {
		more, err := database.History(ctx, o.Provider, o.Account, o.OrderID, after, page)
		if err != nil {
			return nil, err
		}
		events = append(events, more...)
		if len(more) < page {
			return events, nil
		}
		after = more[len(more)-1].Revision
	}
}

func printTimeline(a *cli.App, events []outbox.Event) error {
	var rows [][]string
	for _, e := range events {
		changes, err := describeEvent(e)
		if err != nil {
			return fmt.Errorf("event %s: %w", e.EventID, err)
		}
		if len(changes) == 0 {
			changes = []string{"first seen, " + string(e.Status)}
		}
		for i, change := range changes {
			row := []string{"", "", change}
			if i == 0 {
				row[0], row[1] = a.Minute(e.ObservedAt), fmt.Sprint(e.Revision)
			}
			rows = append(rows, row)
		}
	}
	return section(a.Stdout, []string{a.Head("WHEN"), "REVISION", "WHAT"}, rows)
}

// describeChanges formats changes as "path: before -> after", those of the order itself first.
func describeChanges(text json.RawMessage) ([]string, error) {
	var changes []clients.Change
	if err := json.Unmarshal(text, &changes); err != nil {
		return nil, err
	}
	slices.SortStableFunc(changes, func(a, b clients.Change) int { return strings.Count(a.Path, "/") - strings.Count(b.Path, "/") })
	lines := make([]string, len(changes))
	for i, c := range changes {
		lines[i] = c.Path + ": " + describeChange(c.Before, c.After)
	}
	return lines, nil
}

// describeChange formats the two sides of a change. For objects and arrays, which the tables
// above show, it says only "new", "gone" or "changed".
func describeChange(before, after any) string {
	switch {
	case before == nil && isBig(after):
		return "new"
	case after == nil && isBig(before):
		return "gone"
	case isBig(before) || isBig(after):
		return "changed"
	default:
		return brief(before) + " -> " + brief(after)
	}
}

func isBig(v any) bool {
	switch v.(type) {
	case map[string]any, []any:
		return true
	default:
		return false
	}
}

func brief(v any) string {
	if v == nil {
		return "-"
	}
	return fmt.Sprint(v)
}

// describeEvent returns one line for each change or document in an event.
func describeEvent(e outbox.Event) ([]string, error) {
	again := "" // " changed" for a document that was published before
	if e.DespatchAdvice != nil || e.Invoice != nil {
		var changes []struct{ Before any }
		if err := json.Unmarshal(e.Changes, &changes); err != nil {
			return nil, err
		}
		if changes[0].Before != nil {
			again = " changed"
		}
	}
	switch {
	case e.DespatchAdvice != nil:
		var a clients.Advice
		err := json.Unmarshal(e.DespatchAdvice, &a)
		return []string{describeAdvice(a, again)}, err
	case e.Invoice != nil:
		var i clients.Invoice
		err := json.Unmarshal(e.Invoice, &i)
		return []string{fmt.Sprintf("invoice %s%s: %s, %s, due %s", i.Number, again, i.Type, money(i), cli.OrDash(string(i.DueOn)))}, err
	}
	return describeChanges(e.Changes)
}

func describeAdvice(a clients.Advice, again string) string {
	text := fmt.Sprintf("despatch advice %s%s: left %s with %s, expected %s",
		a.AdviceID, again, cli.OrDash(string(a.DespatchedOn)), cli.OrDash(string(a.Carrier)), cli.OrDash(string(a.ExpectedOn)))
	if len(a.Tracking) > 0 {
		text += ", tracking " + strings.Join(a.Tracking, " ")
	}
	return text
}
