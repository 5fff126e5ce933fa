package cronspec

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// field is one of the five fields of a spec.
type field struct {
	name     string
	min, max int
	names    []string // of the values from min on, in upper case
	// last is the largest allowed number: 7 is Sunday too.
	last int
}

var fields = []field{
	{name: "minute", min: 0, max: 59, last: 59},
	{name: "hour", min: 0, max: 23, last: 23},
	{name: "day of month", min: 1, max: 31, last: 31},
	{name: "month", min: 1, max: 12, last: 12, names: []string{"JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"}},
	{name: "weekday", min: 0, max: 6, last: 7, names: []string{"SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"}},
}

// parseFields checks the five fields of a spec and converts them for robfig/cron:
// weekday 7 is 0, and a range that passes the end of its field, like FRI-SUN or 22-2, is a
// list. realTime reports whether the minutes or hours have "*" or a step.
func parseFields(spec string) (standard string, realTime bool, err error) {
	given := strings.Fields(spec)
	if len(given) != len(fields) {
		return "", false, fmt.Errorf(`%.60q is not a cron spec: want 5 fields, got %d: write minute, hour, day, month and weekday, like "*/15 * * * *", or "@every 10m", "@hourly", "@daily"`, spec, len(given))
	}
	for i, f := range fields {
		if i < 2 && strings.ContainsAny(given[i], "*?/") {
			realTime = true
		}
		items := strings.Split(given[i], ",")
		for n, item := range items {
			if items[n], err = f.parse(item); err != nil {
				return "", false, fmt.Errorf("%.60q: %s %.40q: %w", spec, f.name, given[i], err)
			}
		}
		given[i] = strings.Join(items, ",")
	}
	return strings.Join(given, " "), realTime, nil
}

// parse parses one item of a field's list: "*", a value or a range, with an optional step.
func (f field) parse(item string) (string, error) {
	base, step, stepped := strings.Cut(item, "/")
	by := 1
	if stepped {
		n, err := strconv.Atoi(step)
		if most := f.max - f.min + 1; err != nil || !digits(step) || n < 1 || n > most {
			return "", fmt.Errorf("the step %.20q must be a number from 1 to %d", step, most)
		}
		by = n
	}
	if base == "*" || base == "?" {
		return item, nil
	}
	low, high, ranged := strings.Cut(base, "-")
	from, err := f.value(low)
	if err != nil {
		return "", err
	}
	to := from
	switch {
	case ranged:
		if to, err = f.value(high); err != nil {
			return "", err
		}
	case stepped:
		to = f.max
	}
	return f.list(from, to, by), nil
}

// value parses a number or a name.
func (f field) value(s string) (int, error) {
	if i := slices.Index(f.names, strings.ToUpper(s)); i >= 0 {
		return f.min + i, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || !digits(s) || n < f.min || n > f.last {
		return 0, fmt.Errorf("%.20q must be %s", s, f.allowed())
	}
	return n, nil
}

// digits rejects "+5", which strconv accepts.
func digits(s string) bool { return strings.Trim(s, "0123456789") == "" }

func (f field) allowed() string {
	text := fmt.Sprintf("a number from %d to %d", f.min, f.last)
	if f.last > f.max {
		text += " (0 and 7 are Sunday)"
	}
	if len(f.names) > 0 {
		text += fmt.Sprintf(", or a name from %s to %s", f.names[0], f.names[len(f.names)-1])
	}
	return text
}

// list lists every by-th value of a range, which may wrap around the end of the field.
func (f field) list(from, to, by int) string {
	size := f.max - f.min + 1
	if to < from {
		to += size
	}
	var values []string
	for v := from; v <= to; v += by {
		values = append(values, strconv.Itoa(f.min+(v-f.min)%size))
	}
	return strings.Join(values, ",")
}
