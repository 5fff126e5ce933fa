package authtest

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"strconv"
	"time"
)

// document is a JSON object, with the members and the layout of the sample that it follows.
type document struct {
	layout  layout
	members []member
}

// layout is the text before, between and after members, and between a name and its value. JSON
// parsers ignore it.
type layout struct{ open, colon, comma, end string }

var compact = layout{"{", ":", ",", "}\n"}

// member is one member of a document. A nil value omits it.
type member struct {
	name  string
	value func(issued) any
}

// issued is an access token and what a response may say about it.
type issued struct {
	options *Options
	now     time.Time
	access  *accessToken
	refresh string
	// life is the remaining lifetime that the response states.
	life time.Duration
}

func (d document) write(i issued) []byte {
	pairs := make([]pair, len(d.members))
	for n, m := range d.members {
		pairs[n] = pair{m.name, m.value(i)}
	}
	return d.layout.write(pairs...)
}

type pair struct {
	name  string
	value any
}

// write omits nil and "".
func (l layout) write(pairs ...pair) []byte {
	var b bytes.Buffer
	before := l.open
	for _, p := range pairs {
		if p.value == nil || p.value == "" {
			continue
		}
		b.WriteString(before + quote(p.name) + l.colon + quote(p.value))
		before = l.comma
	}
	b.WriteString(l.end)
	return b.Bytes()
}

// quote encodes a value as JSON without HTML escapes.
func quote(v any) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(err) // every value in a dialect can be encoded
	}
	return string(bytes.TrimSpace(b.Bytes()))
}

// The values of the members of a response.

func fixed(v any) func(issued) any { return func(issued) any { return v } }

func access(i issued) any   { return i.access.text }
func refresh(i issued) any  { return i.refresh }
func scope(i issued) any    { return i.access.scope }
func user(i issued) any     { return i.access.grant.user }
func expires(i issued) any  { return i.access.expires.Unix() }
func begins(i issued) any   { return i.access.issued.Unix() }
func clientID(i issued) any { return i.options.ClientID }

// clientIDBlank is the client id with the trailing space of Michelin's sample.
func clientIDBlank(i issued) any { return i.options.ClientID + " " }

// issuedAt is the time in milliseconds, as a string.
func issuedAt(i issued) any { return strconv.FormatInt(i.now.UnixMilli(), 10) }

// signature is random: no document says how to verify it.
func signature(issued) any {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // never fails
	return base64.StdEncoding.EncodeToString(b)
}

func expiresIn(i issued) any {
	seconds := int64(i.life / time.Second)
	switch i.options.Expiry {
	case ExpiryNone:
		return nil
	case ExpiryText:
		return strconv.FormatInt(seconds, 10)
	case ExpiryEpoch:
		return i.now.Add(i.life).Unix()
	default:
		return seconds
	}
}

// random describes a random string with a prefix and a total length.
type random struct {
	prefix string
	length int
}

func (r random) text() string {
	s := r.prefix
	for len(s) < r.length {
		s += rand.Text()
	}
	return s[:r.length]
}
