package cli

import (
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/term"
)

// minColumn is the width below which a column is not shortened: the date of a time still fits.
const minColumn = 11

// number matches the cells of right-aligned columns.
var number = regexp.MustCompile(`^(-|-?[0-9][0-9.,]*%?)$`)

// PrintTable writes a header and rows in aligned columns, numbers right-aligned. On a terminal, the
// widest columns are shortened to its width, except for the first one, which is the name to use in
// other commands, and not with the flag --wide.
func PrintTable(w io.Writer, head []string, rows [][]string) error {
	for _, row := range rows {
		for i, cell := range row {
			row[i] = Plain(cell)
		}
	}
	widths, right := layout(head, rows)
	if most := columns(w); most > 0 {
		shrink(widths, most)
	}
	var b strings.Builder
	b.WriteString(tableLine(head, nil, widths, right) + "\n")
	colours := make([]string, len(head))
	coloured := colourful(w)
	for _, row := range rows {
		for i, cell := range row {
			if coloured != nil {
				colours[i] = colourOf(head[i], cell)
			}
		}
		b.WriteString(tableLine(row, colours, widths, right) + "\n")
	}
	if coloured != nil {
		w = coloured.w // the cells are plain, and the filter would remove the colours
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// layout returns the width of each column, and which columns are right-aligned.
func layout(head []string, rows [][]string) (widths []int, right []bool) {
	widths, right = make([]int, len(head)), make([]bool, len(head))
	for i, title := range head {
		widths[i], right[i] = utf8.RuneCountInString(title), len(rows) > 0
		for _, row := range rows {
			widths[i] = max(widths[i], utf8.RuneCountInString(row[i]))
			right[i] = right[i] && number.MatchString(row[i])
		}
		// A column of dashes has no numbers.
		right[i] = right[i] && slices.ContainsFunc(rows, func(row []string) bool { return row[i] != "-" })
	}
	return widths, right
}

// gap separates two columns.
const gap = "  "

// shrink narrows the widest columns, except for the first, until a line fits into most characters.
func shrink(widths []int, most int) {
	total := -len(gap)
	for _, width := range widths {
		total += width + len(gap)
	}
	for ; total > most; total-- {
		others := widths[1:]
		widest := 0
		for i, width := range others {
			if width > others[widest] {
				widest = i
			}
		}
		if len(others) == 0 || others[widest] <= minColumn {
			return
		}
		others[widest]--
	}
}

// tableLine returns a line without trailing spaces. colours has the colours of the cells, "" for none.
func tableLine(row, colours []string, widths []int, right []bool) string {
	var b strings.Builder
	for i, cell := range row {
		if i > 0 {
			b.WriteString(gap)
		}
		n := utf8.RuneCountInString(cell)
		if n > widths[i] {
			cell, n = string([]rune(cell)[:widths[i]-1])+"…", widths[i]
		}
		padding := strings.Repeat(" ", widths[i]-n)
		if i < len(colours) && colours[i] != "" {
			cell = painted(colours[i], cell)
		}
		if right[i] {
			cell = padding + cell
		} else {
			cell += padding
		}
		b.WriteString(cell)
	}
	return strings.TrimRight(b.String(), " ")
}

// columns is the width of a terminal, 0 for other writers and with --wide.
func columns(w io.Writer) int {
	t, ok := w.(*terminal)
	if !ok || t.wide {
		return 0
	}
	f, ok := t.w.(*os.File)
	if !ok {
		return 0
	}
	width, _, err := term.GetSize(int(f.Fd())) //nolint:gosec // a descriptor fits into an int
	if err != nil {
		return 0
	}
	return width
}
