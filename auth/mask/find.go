package mask

import (
	"cmp"
	"encoding/binary"
	"slices"
	"strings"
	"unicode/utf8"
)

const (
	// keyBytes is the length of the prefix of a pattern that is used as its key.
	keyBytes = shortest
	// enough is the length of a pattern's prefix that is masked even if the rest does not match, because a
	// text may be truncated. It also bounds the cost of a comparison without a match. At the end of a text less
	// is enough.
	enough, enoughAtEnd = 24, 16
	// filterBits is the size of the filter that rejects most positions of a text.
	filterBits = 16
)

// alphabet is a set of characters.
type alphabet *[256]bool

var (
	base64Alphabet = alphabetOf("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_=")
	hexAlphabet    = alphabetOf("0123456789ABCDEFabcdef")
)

func alphabetOf(chars string) alphabet {
	var a [256]bool
	for _, c := range []byte(chars) {
		a[c] = true
	}
	return &a
}

// pattern is one encoding of a secret, in lower case and at least [keyBytes] long.
type pattern struct {
	text  string
	extra alphabet // a match is extended by adjacent characters of this set; nil for none
}

// patterns is an index of patterns by their first bytes: a filter rejects most positions, a bucket has the patterns
// with the same prefix. The cost depends on the length of the text only: a comparison ends after
// [enough] bytes, or masks what it has compared.
type patterns struct {
	filter  *[1 << filterBits]uint16 // how many patterns have a hash
	buckets map[uint64][]entry
}

// entry is a pattern in its bucket, which is sorted by text.
type entry struct {
	pattern
	uses int
	// prefix is the longest earlier entry that is a prefix of this one, -1 for none.
	prefix int
}

func newPatterns() patterns {
	return patterns{filter: new([1 << filterBits]uint16), buckets: map[uint64][]entry{}}
}

// key returns the first bytes of a text, ignoring case. Some other characters collide too.
func key(b []byte) uint64 { return binary.LittleEndian.Uint64(b) | 0x2020202020202020 }

func hash(k uint64) uint64 { return k * 0x9e3779b97f4a7c15 >> (64 - filterBits) }

func (ps *patterns) add(p pattern) {
	k := key([]byte(p.text))
	bucket := ps.buckets[k]
	i, found := slices.BinarySearchFunc(bucket, p.text, entry.compare)
	if found {
		bucket[i].uses++
		return
	}
	ps.filter[hash(k)]++
	ps.buckets[k] = linked(slices.Insert(bucket, i, entry{pattern: p, uses: 1}))
}

func (ps *patterns) remove(p pattern) {
	k := key([]byte(p.text))
	bucket := ps.buckets[k]
	i, found := slices.BinarySearchFunc(bucket, p.text, entry.compare)
	if !found {
		return
	}
	if bucket[i].uses--; bucket[i].uses > 0 {
		return
	}
	ps.filter[hash(k)]--
	if bucket = slices.Delete(bucket, i, i+1); len(bucket) == 0 {
		delete(ps.buckets, k)
		return
	}
	ps.buckets[k] = linked(bucket)
}

func (e entry) compare(text string) int { return cmp.Compare(e.text, text) }

// linked sets the prefixes of entries.
func linked(bucket []entry) []entry {
	for i := range bucket {
		p := i - 1
		for p >= 0 && !strings.HasPrefix(bucket[i].text, bucket[p].text) {
			p = bucket[p].prefix
		}
		bucket[i].prefix = p
	}
	return bucket
}

type span struct{ from, to int }

// find appends the positions of patterns in a text, in order and without overlaps.
func (ps *patterns) find(text []byte, found []span) []span {
	last := 0
	filter := ps.filter
	for i := 0; i+keyBytes <= len(text); i++ {
		k := key(text[i:])
		if filter[hash(k)] == 0 {
			continue
		}
		n, extra := ps.match(k, text[i:])
		if n == 0 {
			continue
		}
		from, to := i, i+n
		if extra != nil {
			for from > last && extra[text[from-1]] {
				from--
			}
			for to < len(text) && extra[text[to]] {
				to++
			}
		}
		for to < len(text) && !utf8.RuneStart(text[to]) {
			to++ // include a whole character
		}
		found = append(found, span{from, to})
		last, i = to, to-1
	}
	return found
}

// match returns the length of the secret, or of its prefix, at the start of text; 0 for none.
func (ps *patterns) match(k uint64, text []byte) (n int, extra alphabet) {
	bucket := ps.buckets[k]
	at, _ := slices.BinarySearchFunc(bucket, text, func(e entry, text []byte) int {
		n := common(e.text, text)
		switch {
		case n == len(e.text):
			return -1 // also if equal: the entry before the position is checked
		case n == len(text):
			return 1
		}
		return cmp.Compare(e.text[n], lowerByte(text[n]))
	})
	for _, i := range []int{at - 1, at} {
		if i < 0 || i >= len(bucket) {
			continue
		}
		same := common(bucket[i].text, text)
		if same >= enough || same == len(text) && same >= max(enoughAtEnd, len(bucket[i].text)/2) {
			if same > n {
				n, extra = same, bucket[i].extra
			}
			continue
		}
		for i >= 0 && len(bucket[i].text) > same {
			i = bucket[i].prefix
		}
		if i >= 0 && len(bucket[i].text) > n {
			n, extra = len(bucket[i].text), bucket[i].extra
		}
	}
	return n, extra
}

// common returns the length of the common prefix of a pattern and a text.
func common(pattern string, text []byte) int {
	n := 0
	for n < len(pattern) && n < len(text) && pattern[n] == lowerByte(text[n]) {
		n++
	}
	return n
}
