package clients

import (
	"slices"
	"strings"
)

// Change is one difference between two revisions of an order.
type Change struct {
	// Path is a member of the order ("status"), "lines/<line_id>/<member>", "lines/<line_id>" for a
	// line that was added or removed, "lines/<line_id>/schedule" or "lines/<line_id>/despatches" for
	// whole arrays, "despatch_advices/<advice_id>" or "invoices/<number>" for whole documents. In ids
	// "%" is written "%25", and "/" is written "%2F".
	Path string `json:"path"`
	// Before is the previous value; null if there was none.
	Before any `json:"before"`
	// After is the new value; null if there is none.
	After any `json:"after"`
}

// AdvicePath is the path of a despatch advice among an order's changes.
func AdvicePath(id string) string { return "despatch_advices/" + escapeID.Replace(id) }

// InvoicePath is the path of an invoice among an order's changes.
func InvoicePath(number string) string { return "invoices/" + escapeID.Replace(number) }

// Diff lists the changes from one normalized report of an order to the next: the order's own columns
// first, then line by line in the order of their ids. A value is nil (NULL), a string or an int64, or a
// whole [Line], []ScheduleLine or []Despatch, which is shared with the order.
// Fields in volatile ([Traits.Volatile]) and Unmapped are ignored.
func Diff(before, after *Order, volatile []string) []Change {
	d := differ{volatile: volatile}
	old, now := before.columns(), after.columns()
	d.columns("", old[:], now[:])
	i, j := 0, 0
	for i < len(before.Lines) || j < len(after.Lines) {
		switch {
		case j == len(after.Lines) || i < len(before.Lines) && before.Lines[i].LineID < after.Lines[j].LineID:
			d.add(linePath(before.Lines[i].LineID), before.Lines[i], nil)
			i++
		case i == len(before.Lines) || before.Lines[i].LineID > after.Lines[j].LineID:
			d.add(linePath(after.Lines[j].LineID), nil, after.Lines[j])
			j++
		default:
			d.line(&before.Lines[i], &after.Lines[j])
			i, j = i+1, j+1
		}
	}
	return d.changes
}

type differ struct {
	volatile []string
	changes  []Change
}

func (d *differ) add(path string, before, after any) {
	d.changes = append(d.changes, Change{Path: path, Before: before, After: after})
}

func (d *differ) ignores(name string) bool { return slices.Contains(d.volatile, name) }

// columns compares two lists of the same columns. line is the path of their line, "" for the order itself.
func (d *differ) columns(line string, before, after []column) {
	for i, was := range before {
		if is := after[i]; was.cell != is.cell && !d.ignores(was.name) {
			d.add(columnPath(line, was.name), was.value(), is.value())
		}
	}
}

func (d *differ) line(before, after *Line) {
	path := linePath(before.LineID)
	old, now := before.columns(), after.columns()
	d.columns(path, old[:], now[:])
	if !slices.Equal(before.Schedule, after.Schedule) && !d.ignores(scheduleName) {
		d.add(columnPath(path, scheduleName), before.Schedule, after.Schedule)
	}
	if !slices.Equal(before.Despatches, after.Despatches) && !d.ignores(despatchesName) {
		d.add(columnPath(path, despatchesName), before.Despatches, after.Despatches)
	}
}

// escapeID makes a line's id one segment of a path.
var escapeID = strings.NewReplacer("%", "%25", "/", "%2F")

func linePath(id string) string { return linesPrefix + escapeID.Replace(id) }

// columnPath is the path of a column: its name, with the line's path if it has one.
func columnPath(line, name string) string {
	if line == "" {
		return name
	}
	return line + "/" + strings.TrimPrefix(name, linesPrefix)
}
