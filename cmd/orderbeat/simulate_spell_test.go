package main // an inside test: a main package cannot be imported

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"
)

// tell encodes an order in one of many equivalent ways, or unreadably if odd is set.
func (a *simAccount) tell(o *simOrder, odd bool) string {
	r := a.random
	date, number := func(d string) string { return spellDate(r, d, odd) }, func(n int64) string { return spellNumber(r, n, odd) }
	broken := -1
	if a.bad[o.id] {
		broken = r.IntN(len(o.lines))
	}
	var lines []string
	for i, l := range o.lines {
		qty, due := number(l.ordered), date(l.due)
		if i == broken && r.IntN(2) == 0 {
			qty = pick(r, `"several"`, `"4.5"`, `-4`, `"1,20"`, `true`, `1e99`)
		} else if i == broken {
			due = pick(r, `"31.02.2026"`, `"2026-02-30"`, `"soon"`, `{}`, `"01/02/2026"`, `"2026-01-32T00:00:00Z"`)
		}
		pos := pick(r, l.id, strconv.Quote(l.id))
		if l.id == "" {
			pos = "null"
		}
		line := fmt.Sprintf(`{"pos":%s,"sku":%q,"text":%s,"qty":%s,"sent":%s,"due":%s}`, pos, l.article, pick(r, strconv.Quote(l.text), `"R\u00e4der \u00bd"`, strconv.Quote("  "+l.text)), qty, number(l.shipped), due)
		lines = append(lines, line)
	}
	if odd && broken < 0 && r.IntN(4) == 0 {
		lines = append(lines, lines...) // repeated
	}
	return fmt.Sprintf(`{"no":%q,"po":%q,"state":%q,"placed":%s,"lines":[%s]}`, o.id, o.reference, o.stated, date(o.placed), strings.Join(lines, ","))
}

func spellDate(r *rand.Rand, day string, odd bool) string {
	if !odd {
		if day == "" {
			return "null"
		}
		return strconv.Quote(day)
	}
	if day == "" {
		return pick(r, `null`, `""`, `"  "`, `"0000-00-00"`, `"0001-01-01"`, `"1900-01-01T00:00:00"`, `"9999-12-31"`, `"TBD"`, `"31.12.2099"`, `"00.00.0000"`, `"0000-00-00T00:00:00Z"`, `"00000000"`, `"/Date(-62135596800000)/"`)
	}
	t, err := time.Parse(time.DateOnly, day)
	if err != nil {
		panic(err)
	}
	layout := pick(r, "2006-01-02", "2006-01-02", "20060102", "02.01.2006", "2.1.2006", "2006/1/2", "02-Jan-2006", "Jan 2, 2006", "Mon, 02 Jan 2006", "", "n", "ms")
	written := t.Format(layout)
	switch layout {
	case "":
		written = fmt.Sprintf("/Date(%d)/", t.UnixMilli())
	case "n":
		return strconv.FormatInt(t.Unix(), 10)
	case "ms":
		return strconv.FormatInt(t.UnixMilli(), 10)
	case "2006-01-02":
		written += pick(r, "", "T24:00:00", "T10:00:00.000+0000", "T23:59:59-05:00", " 10:00:00", "Z", "+01:00")
	case "20060102":
	default:
		written += pick(r, "", " 10:00", " 23:59:59 GMT")
	}
	return strconv.Quote(written)
}

func spellNumber(r *rand.Rand, n int64, odd bool) string {
	if !odd {
		return strconv.FormatInt(n, 10)
	}
	format := pick(r, `%d`, `"%d"`, `%d.0`, `%d.0e0`, `"%d.00"`, `" %d "`, `"+%d"`, `"%d+"`, ",", "'")
	if len(format) > 1 {
		return fmt.Sprintf(format, n)
	}
	if n < 1000 {
		return strconv.FormatInt(n, 10)
	}
	return fmt.Sprintf(`"%d%s%03d"`, n/1000, format, n%1000)
}

// write sends a document in any charset and compression, with possibly misleading headers.
func (s *simulation) write(w http.ResponseWriter, r *rand.Rand, text string) {
	if !s.faulty {
		_, _ = io.WriteString(w, text)
		return
	}
	body, contentType := text, "application/json"
	latin := !strings.ContainsFunc(text, func(c rune) bool { return c > 0xff || c >= 0x80 && c < 0xa0 })
	switch n := r.IntN(7); {
	case n == 0:
		body = "\ufeff" + body
	case n == 1 && latin:
		body, contentType = encodedAs(charmap.ISO8859_1, text), "application/json;charset=ISO-8859-1"
	case n == 2 && latin:
		body, contentType = encodedAs(charmap.Windows1252, text), `text/json; charset="windows-1252"`
	case n == 3:
		body = encodedAs(unicode.UTF16(unicode.LittleEndian, unicode.UseBOM), text)
	case n == 4:
		body, contentType = encodedAs(unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM), text), "application/json; charset=utf-16"
	case n == 5:
		contentType = "application/json; charset=UTF8"
	}
	name := pick(r, "", "", "gzip", "deflate", "raw", "br", "zstd")
	body = squeezed(name, body)
	if name == "raw" {
		name = "deflate"
	}
	switch { // misleading headers
	case name == "" && utf8.ValidString(body):
		name = pick(r, "", "", "gzip", "br", "deflate", "UTF-8")
	case name == "gzip" || name == "zstd":
		name = pick(r, name, name, "", "br")
	}
	if name != "" {
		w.Header().Set("Content-Encoding", name)
	}
	w.Header().Set("Content-Type", contentType)
	s.counted["encoded "+name]++
	_, _ = io.WriteString(w, body)
}

func encodedAs(e encoding.Encoding, text string) string {
	body, err := e.NewEncoder().String(text)
	if err != nil {
		panic(err)
	}
	return body
}

func squeezed(name, text string) string {
	var b bytes.Buffer
	var w io.WriteCloser
	switch name {
	case "gzip":
		w = gzip.NewWriter(&b)
	case "deflate":
		w = zlib.NewWriter(&b)
	case "raw":
		w, _ = flate.NewWriter(&b, len(text)%2) // 0 is no compression
	case "br":
		w = brotli.NewWriter(&b)
	case "zstd":
		w, _ = zstd.NewWriter(&b)
	default:
		return text
	}
	_, _ = io.WriteString(w, text)
	_ = w.Close()
	return b.String()
}

// pick returns one of several values.
func pick[T any](r *rand.Rand, of ...T) T { return of[r.IntN(len(of))] }
