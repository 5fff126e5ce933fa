package mask

import (
	"encoding/base64"
	"encoding/hex"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// Redacted replaces a secret.
const Redacted = "REDACTED"

const (
	// shortest is the minimum length of a masked secret in bytes. A shorter one occurs in ordinary
	// text too often; digits only, as in dates and order numbers, need more.
	shortest       = 8
	shortestDigits = 12
	// grace is how long a token is masked after another has replaced it.
	grace = time.Hour
	// maxRetired limits the number of replaced tokens that stay masked; the oldest are dropped first.
	maxRetired = 4096
	// encodedBytes is how much of an encoded secret is searched for. A match is extended to the whole
	// run of its alphabet.
	encodedBytes = 32
)

// Set is the set of secrets that a process knows. A nil Set is empty. It is safe for concurrent use.
type Set struct {
	mu       sync.RWMutex // guards the rest
	uses     map[string]int
	owned    map[string][]string
	retired  []retired // oldest first
	patterns patterns
	escaped  int // the number of secrets that contain a character that may begin an escape
}

type retired struct {
	value string
	until time.Time
}

// New returns an empty set.
func New() *Set {
	return &Set{uses: map[string]int{}, owned: map[string][]string{}, patterns: newPatterns()}
}

// Add masks values permanently. Values that are too short are ignored.
func (s *Set) Add(values ...string) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, v := range values {
		s.add(v)
	}
}

// AddPair masks a user's password, and the pair as in HTTP Basic authentication (RFC 7617; RFC 6749
// section 2.3.1 form-encodes both parts), even if the password alone is too short to be masked.
func (s *Set) AddPair(user, password string) {
	if s == nil || password == "" {
		return
	}
	pair := user + ":" + password
	s.Add(password, encoded(pair), encoded(url.QueryEscape(user)+":"+url.QueryEscape(password)))
	if maskable(password) {
		s.Add(pair)
	}
}

// encoded returns a pair in base64 without padding.
func encoded(pair string) string {
	return base64.RawStdEncoding.EncodeToString([]byte(pair))
}

// Hold masks values as the current tokens of owner. Earlier tokens of owner that are not among
// them stay masked for an hour.
func (s *Set) Hold(owner string, values ...string) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	values = slices.DeleteFunc(slices.Clone(values), func(v string) bool { return v == "" })
	before := s.owned[owner]
	if slices.Equal(before, values) {
		return
	}
	for _, v := range values {
		s.add(v)
	}
	now := time.Now()
	for _, v := range before {
		s.retired = append(s.retired, retired{v, now.Add(grace)}) // keeps the use count of the owner
	}
	if s.owned[owner] = values; len(values) == 0 {
		delete(s.owned, owner)
	}
	s.forget(now)
}

// forget drops replaced tokens whose time has passed, and those beyond the limit.
func (s *Set) forget(now time.Time) {
	n := 0
	for n < len(s.retired) && (now.After(s.retired[n].until) || len(s.retired)-n > maxRetired) {
		s.remove(s.retired[n].value)
		n++
	}
	s.retired = slices.Delete(s.retired, 0, n)
}

func (s *Set) add(value string) {
	if s.uses[value]++; s.uses[value] == 1 && maskable(value) {
		s.escaped += looksEscaped(value)
		for _, p := range patternsOf(value) {
			s.patterns.add(p)
		}
	}
}

func (s *Set) remove(value string) {
	if s.uses[value]--; s.uses[value] > 0 {
		return
	}
	delete(s.uses, value)
	if maskable(value) {
		s.escaped -= looksEscaped(value)
		for _, p := range patternsOf(value) {
			s.patterns.remove(p)
		}
	}
}

func maskable(value string) bool {
	return len(value) >= shortestDigits || len(value) >= shortest && strings.Trim(value, "0123456789") != ""
}

// looksEscaped returns 1 for a secret with a character that may begin an escape, otherwise 0.
func looksEscaped(value string) int {
	if nextEscape([]byte(value), anyEscape, 0) < len(value) {
		return 1
	}
	return 0
}

// patternsOf returns the encodings of a secret to search for.
func patternsOf(value string) (list []pattern) {
	add := func(text string, kind alphabet) {
		p := pattern{lower(text), kind}
		if len(text) >= shortest && !slices.Contains(list, p) {
			list = append(list, p)
		}
	}
	for _, value := range []string{value, strings.ReplaceAll(value, " ", "+")} { // forms encode blanks as +
		add(value, nil)
	}
	begin := value[:min(len(value), encodedBytes)] // enough for the search
	for _, e := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		for before := range 3 { // bytes before the secret, modulo 3
			text := e.EncodeToString(append(make([]byte, before), begin...))
			first, end := (before*8+5)/6, (before+len(begin))*8/6
			add(text[first:min(end, first+encodedBytes)], base64Alphabet)
		}
	}
	digits := hex.EncodeToString([]byte(begin))
	add(digits[:min(len(digits), encodedBytes)], hexAlphabet)
	return list
}

// lower returns s with ASCII letters in lower case.
func lower(s string) string {
	b := []byte(s)
	for i, c := range b {
		b[i] = lowerByte(c)
	}
	return string(b)
}

func lowerByte(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c | 0x20
	}
	return c
}
