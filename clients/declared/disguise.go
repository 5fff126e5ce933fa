package declared

import (
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// disguise puts invented values into the place of those that tell who somebody is: the
// same for the same, so that what belonged together still does, and of the same shape.
// What is replaced:
//
//   - the values of members whose names speak of people and places ([isPersonal]), and all
//     that stands in the members named in personalTables;
//   - e-mail addresses, telephone and social security numbers, wherever they are;
//   - what it was told of: the numbers of orders, and an account's own identifiers;
//   - every other number of five digits or more within a text, and of six or more by itself.
//
// Days and times stay, as do shorter numbers, amounts, and words that it knows nothing of:
// a person has to look at what comes of it.
type disguise struct {
	known   map[string]string // what is replaced, by what
	learnt  map[string]string // of known, what it was told of or learnt before it began to replace
	used    map[string]bool   // replacements
	members map[string]bool   // the names of members whose values were replaced
	n       int
	find    *regexp.Regexp // what is replaced within texts
}

// certain is how long a value must be to be replaced wherever it stands. What is shorter
// is also a quantity, or part of an innocent word.
const certain = 4 // bytes

func newDisguise() *disguise {
	return &disguise{known: map[string]string{}, used: map[string]bool{}, members: map[string]bool{}}
}

// identify has a number or a name of somebody's replaced wherever it stands. Short words
// in it stay: programs look for prefixes such as "SO".
func (d *disguise) identify(value string) {
	if value = strings.TrimSpace(value); len(value) >= certain && !saysNothing(value) {
		d.replacement(value, wordsStay)
	}
}

// learn goes over the value of a member for what is personal.
func (d *disguise) learn(v any, m member) {
	switch v := v.(type) {
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			d.learn(v[name], m.below(name))
		}
	case []any:
		for _, e := range v {
			d.learn(e, m)
		}
	default:
		text, ok := plainText(v)
		if text = strings.TrimSpace(text); ok && m.personal && !saysNothing(text) && !d.born(m.name, text) {
			d.replacement(text, allChanges)
		}
	}
}

// What is found in texts, whatever else they say.
const (
	moments = `\d{4}-\d\d-\d\d(?:[T ]\d\d:?\d\d(?::?\d\d(?:[.,]\d+)?)?)?`
	uuids   = `(?i:\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b)`
	emails  = `[\pL\pN._%+-]+@[\pL\pN.-]+\.\pL{2,}`
	phones  = `\+\d[\d ()./-]{6,}\d|\(?\b\d{3}\)?[ .-]\d{3}[ .-]\d{4}\b|\b\d{3}-\d{2}-\d{4}\b`
	runs    = `\d{5,}`
)

var (
	isDay   = regexp.MustCompile(`^` + moments + `$`)
	isUUID  = regexp.MustCompile(`^` + uuids + `$`)
	isEmail = regexp.MustCompile(`^` + emails + `$`)
)

// settle says that all is learnt: it is found within texts from now on.
func (d *disguise) settle() {
	values := slices.DeleteFunc(slices.Sorted(maps.Keys(d.known)), func(value string) bool { return len(value) < certain })
	slices.SortStableFunc(values, func(a, b string) int { return len(b) - len(a) })
	parts := []string{moments, uuids, emails}
	for _, value := range values {
		parts = append(parts, asWord(value))
	}
	d.find = regexp.MustCompile(strings.Join(append(parts, phones, runs), "|"))
	d.learnt = maps.Clone(d.known)
}

// asWord is a pattern for a text that is no part of a longer word.
func asWord(text string) string {
	pattern := regexp.QuoteMeta(text)
	if isWord(text[0]) {
		pattern = `\b` + pattern
	}
	if isWord(text[len(text)-1]) {
		pattern += `\b`
	}
	return pattern
}

// isWord reports whether \b looks for an end of what c belongs to.
func isWord(c byte) bool {
	return c == '_' || '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'z'
}

// apply is the value of a member in its disguise.
func (d *disguise) apply(v any, m member) any {
	switch v := v.(type) {
	case map[string]any:
		shown := make(map[string]any, len(v))
		for _, name := range slices.Sorted(maps.Keys(v)) { // the same each time
			shown[d.key(name)] = d.apply(v[name], m.below(name))
		}
		return shown
	case []any:
		shown := make([]any, len(v))
		for i, e := range v {
			shown[i] = d.apply(e, m)
		}
		return shown
	case string:
		return d.note(m, v, d.text(v, m))
	case json.Number:
		return json.Number(d.note(m, v.String(), d.number(v.String(), m)))
	default:
		return v
	}
}

// key is a member's name in disguise: some have numbers for names.
func (d *disguise) key(name string) string {
	if !strings.ContainsAny(name, "0123456789@") {
		return name
	}
	return d.text(name, member{})
}

func (d *disguise) note(m member, before, after string) string {
	if before != after {
		d.members[m.name] = true
	}
	return after
}

// whole is what stands in the place of a whole value, if it is known.
func (d *disguise) whole(value string, m member) (string, bool) {
	known, ok := d.known[strings.TrimSpace(value)]
	return known, ok && (m.personal || len(value) >= certain)
}

// number is a number in disguise, which is one again.
func (d *disguise) number(n string, m member) string {
	const least = 6 // digits; quantities have less
	if _, learnt := d.learnt[n]; !learnt && isMoment(n, m.name) {
		return n
	}
	if known, ok := d.whole(n, m); ok {
		return known
	}
	if len(strings.TrimPrefix(n, "-")) < least || strings.ContainsAny(n, ".eE") {
		return n
	}
	return d.replacement(n, wordsStay)
}

// text is a text in disguise.
func (d *disguise) text(s string, m member) string {
	if known, ok := d.whole(s, m); ok {
		return known
	}
	return d.find.ReplaceAllStringFunc(s, func(found string) string {
		if _, learnt := d.learnt[found]; !learnt && (isDay.MatchString(found) || isMoment(found, m.name)) {
			return found
		}
		return d.replacement(found, wordsStay)
	})
}
