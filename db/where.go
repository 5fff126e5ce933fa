package db

import "strings"

// where collects the conditions of a query. The zero value has none.
type where struct {
	conditions []string
	args       []any
}

// and adds a condition and its arguments.
func (w *where) and(condition string, args ...any) {
	w.conditions = append(w.conditions, condition)
	w.args = append(w.args, args...)
}

// add adds a condition with one argument, unless that is empty.
func (w *where) add(condition, arg string) {
	if arg != "" {
		w.and(condition, arg)
	}
}

func (w *where) sql() string {
	if len(w.conditions) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(w.conditions, " AND ")
}
