package authtest

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"strconv"
	"time"
)

// document is a JSON object: its members in the order of the sample that it follows,
// written the way the sample is.
type document struct {
	layout  layout
	members []member
}

// layout is what stands before, between and behind members, and between a name and its
// value. No parser of JSON may care.
type layout struct{ open, colon, comma, end string }

var compact = layout{"{", ":", ",", "}\n"}

// member is one of a document's members. A nil value leaves it out.
type member struct {
	name  string
	value func(issued) any
}

// issued is an access token together with what may be told of it.
type issued struct {
	options *Options
	now     time.Time
	access  *accessToken
	refresh string
	// life is how long the token lives yet, as far as the answer says.
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

// write leaves out what is nil or "".
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

// quote writes a value as JSON, with the characters of HTML as they are.
func quote(v any) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(err) // a value that no dialect has
	}
	return string(bytes.TrimSpace(b.Bytes()))
}

// What the members of an answer are made of.

func fixed(v any) func(issued) any { return func(issued) any { return v } }

func access(i issued) any   { return i.access.text }
func refresh(i issued) any  { return i.refresh }
func scope(i issued) any    { return i.access.scope }
func user(i issued) any     { return i.access.grant.user }
func expires(i issued) any  { return i.access.expires.Unix() }
func begins(i issued) any   { return i.access.issued.Unix() }
func clientID(i issued) any { return i.options.ClientID }

// clientIDBlank is the client's id with the blank that follows it in Michelin's sample.
func clientIDBlank(i issued) any { return i.options.ClientID + " " }

// issuedAt is in milliseconds, as text.
func issuedAt(i issued) any { return strconv.FormatInt(i.now.UnixMilli(), 10) }

// signature is one of nothing: nobody is told how to check it.
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

// random is a text that begins with a prefix and is length characters long.
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
