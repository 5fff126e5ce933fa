package clients

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"slices"
)

// column is one named value of an order or a line. The name is the path of a [Change] without ids, as
// in [Traits.Volatile].
type column struct {
	name string
	cell
}

// cell is the value of a column: null, a text or a number. Two cells are equal if and only if their values
// are.
type cell struct {
	kind cellKind
	text string
	n    int64
}

type cellKind byte

const (
	null cellKind = iota
	text
	number
)

// columns lists the fields of an order, without its lines, that [Diff] and [Order.Fingerprint] compare: all
// except its identity, Unmapped, Unread and Stated.
func (o *Order) columns() [9]column {
	return [...]column{
		{"reference", textCell(o.Reference)},
		{"ordered_on", textCell(o.OrderedOn)},
		{"method", textCell(o.Method)},
		{"status", cell{kind: text, text: string(o.Status)}}, // never NULL
		{"ordered_quantity", o.OrderedQuantity.cell()},
		{"shipped_quantity", o.ShippedQuantity.cell()},
		{"open_quantity", o.OpenQuantity.cell()},
		{"promised_on", textCell(o.PromisedOn)},
		{"next_promised_on", textCell(o.NextPromisedOn)},
	}
}

// linesPrefix is the prefix of the names of a line's columns.
const linesPrefix = "lines/"

// The names of a line's arrays, which are compared as a whole.
const (
	scheduleName   = linesPrefix + "schedule"
	despatchesName = linesPrefix + "despatches"
)

// columns lists the fields of a line that are compared, except its arrays.
func (l *Line) columns() [14]column {
	return [...]column{
		{linesPrefix + "article_id", textCell(l.ArticleID)},
		{linesPrefix + "buyer_article_id", textCell(l.BuyerArticleID)},
		{linesPrefix + "ean", textCell(l.EAN)},
		{linesPrefix + "description", textCell(l.Description)},
		{linesPrefix + "status", cell{kind: text, text: string(l.Status)}},
		{linesPrefix + "requested_on", textCell(l.RequestedOn)},
		{linesPrefix + "promised_on", textCell(l.PromisedOn)},
		{linesPrefix + "ordered", l.Ordered.cell()},
		{linesPrefix + "confirmed", l.Confirmed.cell()},
		{linesPrefix + "backordered", l.Backordered.cell()},
		{linesPrefix + "cancelled", l.Cancelled.cell()},
		{linesPrefix + "scheduled", l.Scheduled.cell()},
		{linesPrefix + "open", l.Open.cell()},
		{linesPrefix + "shipped", l.Shipped.cell()},
	}
}

func textCell[T ~string](s T) cell {
	if s == "" {
		return cell{}
	}
	return cell{kind: text, text: string(s)}
}

func (q Quantity) cell() cell {
	if !q.Known {
		return cell{}
	}
	return cell{kind: number, n: q.N}
}

// value is the value of a [Change]: nil, a string or an int64.
func (c cell) value() any {
	switch c.kind {
	case text:
		return c.text
	case number:
		return c.n
	case null:
	}
	return nil
}

// appendTo appends the cell so that different sequences of cells give different bytes.
func (c cell) appendTo(b []byte) []byte {
	b = append(b, byte(c.kind))
	switch c.kind {
	case text:
		b = binary.AppendUvarint(b, uint64(len(c.text)))
		b = append(b, c.text...)
	case number:
		b = binary.AppendVarint(b, c.n)
	case null:
	}
	return b
}

// appendTo appends every compared field of the line that is not volatile.
func (l *Line) appendTo(b []byte, volatile []string) []byte {
	b = textCell(l.LineID).appendTo(b)
	columns := l.columns()
	b = appendColumns(b, columns[:], volatile)
	if !slices.Contains(volatile, scheduleName) {
		b = binary.AppendUvarint(b, uint64(len(l.Schedule)))
		for i := range l.Schedule {
			b = l.Schedule[i].appendTo(b)
		}
	}
	if !slices.Contains(volatile, despatchesName) {
		b = binary.AppendUvarint(b, uint64(len(l.Despatches)))
		for i := range l.Despatches {
			b = l.Despatches[i].appendTo(b)
		}
	}
	return b
}

func appendColumns(b []byte, columns []column, volatile []string) []byte {
	for i := range columns {
		if c := &columns[i]; len(volatile) == 0 || !slices.Contains(volatile, c.name) {
			b = c.appendTo(b)
		}
	}
	return b
}

func (s *ScheduleLine) appendTo(b []byte) []byte {
	b = textCell(s.DeliveryOn).appendTo(b)
	for _, q := range [...]Quantity{s.Ordered, s.Confirmed, s.Backordered, s.Cancelled, s.Scheduled, s.Open, s.Shipped} {
		b = q.cell().appendTo(b)
	}
	return b
}

func (d *Despatch) appendTo(b []byte) []byte {
	b = textCell(d.DespatchedOn).appendTo(b)
	b = textCell(d.AdviceID).appendTo(b)
	return d.Quantity.cell().appendTo(b)
}

// Fingerprint is equal for two normalized reports of one order if and only if [Diff] finds no change
// between them, given the same volatile. It is the same in every process and may be stored. A new
// version of the program may compare other fields and return other fingerprints; then only Diff can tell.
func (o *Order) Fingerprint(volatile []string) [16]byte {
	var onStack [4 << 10]byte // holds most orders
	b := onStack[:0]
	columns := o.columns()
	b = appendColumns(b, columns[:], volatile)
	b = binary.AppendUvarint(b, uint64(len(o.Lines)))
	for i := range o.Lines {
		b = o.Lines[i].appendTo(b, volatile)
	}
	sum := sha256.Sum256(b)
	return [16]byte(sum[:16])
}

// fingerprintOf is the fingerprint of a document's JSON.
func fingerprintOf(document any) [16]byte {
	text, err := json.Marshal(document)
	if err != nil {
		panic(err) // encoding texts, dates and numbers never fails
	}
	sum := sha256.Sum256(text)
	return [16]byte(sum[:16])
}
