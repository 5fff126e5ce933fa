package mask

import (
	"cmp"
	"slices"
	"unsafe"
)

// Text is a text without the secrets; the same text where it has none.
func (s *Set) Text(text string) string {
	if s == nil || len(text) < shortest {
		return text
	}
	bytes := unsafe.Slice(unsafe.StringData(text), len(text)) // is only read
	spans := s.find(bytes)
	if len(spans) == 0 {
		return text
	}
	return string(replaced(bytes, spans))
}

// Bytes is [Set.Text] of bytes. The result may be text itself, which is never changed.
func (s *Set) Bytes(text []byte) []byte {
	spans := s.find(text)
	if len(spans) == 0 {
		return text
	}
	return replaced(text, spans)
}

// find is where secrets are, in order and without overlaps: in the text as it is, and behind
// one level of escapes after the other.
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
	views := [maxViews + 1][]byte{text}
	for level := 1; level <= maxViews; level++ {
		view := unescape(views[level-1])
		if view == nil {
			break
		}
		views[level] = view
		behind := s.patterns.find(view, nil)
		if len(behind) == 0 {
			continue
		}
		for l := level - 1; l >= 0; l-- {
			escaped(views[l], behind)
		}
		found = append(found, behind...)
	}
	return merged(found)
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
	out := make([]byte, 0, len(text)+len(Redacted)) // most secrets are longer than that
	done := 0
	for _, s := range spans {
		out = append(append(out, text[done:s.from]...), Redacted...)
		done = s.to
	}
	return append(out, text[done:]...)
}
