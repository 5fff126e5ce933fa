package sqlite

import "strings"

// Where collects the conditions of a query. The zero value has none.
type Where struct {
	conditions []string
	// Args are the arguments of all conditions.
	Args []any
}

// And adds a condition and its arguments.
func (w *Where) And(condition string, args ...any) {
	w.conditions = append(w.conditions, condition)
	w.Args = append(w.Args, args...)
}

// Add adds a condition with one argument, unless that is empty.
func (w *Where) Add(condition, arg string) {
	if arg != "" {
		w.And(condition, arg)
	}
}

// SQL is the WHERE clause, "" without conditions.
func (w *Where) SQL() string {
	if len(w.conditions) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(w.conditions, " AND ")
}
