package mask

import (
	"cmp"
	"slices"
	"unsafe"
)

// Text returns text with every secret replaced by [Redacted].
func (s *Set) Text(text string) string {
	if s == nil || len(text) < shortest {
		return text
	}
	bytes := unsafe.Slice(unsafe.StringData(text), len(text)) // only read
	spans := s.find(bytes)
	if len(spans) == 0 {
		return text
	}
	return string(replaced(bytes, spans))
}

// Bytes is [Set.Text] for bytes. The result may be text itself, which is never changed.
func (s *Set) Bytes(text []byte) []byte {
	spans := s.find(text)
	if len(spans) == 0 {
		return text
	}
	return replaced(text, spans)
}

// find returns the positions of secrets, in order and without overlaps: in the text as it is, and after removing
// one level of escapes after another. All kinds of escapes are removed at once. If a secret has
// escape characters itself, that may change the secret too; then the kinds are also removed one at a
// time, in every order.
func (s *Set) find(text []byte) []span {
	if s == nil || len(text) < shortest {
		return nil
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	if len(s.patterns.buckets) == 0 {
		return nil
	}
	found := s.patterns.find(text, nil)
	kinds := anyOnly
	if s.escaped > 0 {
		kinds = anyThenEach
	}
	for i, k := range kinds {
		next := kinds[i : i+1] // all at once, on every level
		if i > 0 {
			next = eachEscape
		}
		found = s.behind([]view{{text, k}}, next, found)
	}
	return merged(found)
}

// view is a text, and the kinds of escapes that were removed from it.
type view struct {
	text  []byte
	kinds alphabet
}

// behind appends the positions of secrets under the escapes of the last view, as positions in the first
// view.
func (s *Set) behind(views []view, next []alphabet, found []span) []span {
	last := views[len(views)-1]
	plain := unescape(last.text, last.kinds)
	if plain == nil {
		return found
	}
	if spans := s.patterns.find(plain, nil); len(spans) > 0 {
		for _, v := range slices.Backward(views) {
			escaped(v.text, v.kinds, spans)
		}
		found = append(found, spans...)
	}
	if len(views) == maxViews {
		return found
	}
	for _, kinds := range next {
		found = s.behind(append(views, view{plain, kinds}), next, found)
	}
	return found
}

func merged(spans []span) []span {
	if len(spans) < 2 {
		return spans
	}
	slices.SortFunc(spans, func(a, b span) int { return cmp.Compare(a.from, b.from) })
	out := spans[:1]
	for _, s := range spans[1:] {
		if last := &out[len(out)-1]; s.from <= last.to {
			last.to = max(last.to, s.to)
			continue
		}
		out = append(out, s)
	}
	return out
}

func replaced(text []byte, spans []span) []byte {
	out := make([]byte, 0, len(text)+len(Redacted)) // most secrets are longer than Redacted
	done := 0
	for _, s := range spans {
		out = append(append(out, text[done:s.from]...), Redacted...)
		done = s.to
	}
	return append(out, text[done:]...)
}
