package httpapi

import (
	"bufio"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"
	"golang.org/x/net/html/charset"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/encoding/unicode/utf32"
	"golang.org/x/text/transform"

	"orderbeat/clients"
)

// acceptEncoding is the requested encoding. Responses in other encodings are decoded as well.
const acceptEncoding = "gzip"

const (
	// maxEncodings bounds how often a body is decompressed.
	maxEncodings = 4
	// peekBytes of a body show whether it is compressed, and its Unicode encoding.
	peekBytes = 512
	// maxZstdWindow is the limit that RFC 8878 section 3.1.1.1.2 recommends for decoders.
	maxZstdWindow = 8 << 20
)

// readable replaces the body of a response by plain UTF-8: decompressed, and decoded from the charset
// of its Content-Type or of its first bytes. Wrong headers are corrected by the body: an uncompressed
// one is read as it is, and one that is compressed with gzip or zstd is decompressed whatever the
// header says.
//
// Reading fails with an [*clients.Error] of [clients.CodeBadResponse] if the body is not what it
// claims to be, or has bytes that are invalid in its charset.
func readable(resp *http.Response) {
	resp.Body = &readableBody{raw: resp.Body, encodings: encodingsOf(resp.Header), charset: charsetOf(resp.Header)}
	if resp.Header.Get("Content-Encoding") != "" { // as net/http does
		resp.Header.Del("Content-Encoding")
		resp.Header.Del("Content-Length")
		resp.ContentLength, resp.Uncompressed = -1, true
	}
}

// readableBody opens its decoders at the first Read. It is not safe for concurrent use.
type readableBody struct {
	raw       io.ReadCloser
	encodings []string // of Content-Encoding, outermost first
	charset   string   // of Content-Type, "" for none
	text      io.Reader
	err       error // why it could not be opened
	close     []func()
}

func (b *readableBody) Read(p []byte) (int, error) {
	if b.text == nil && b.err == nil {
		b.text, b.err = b.open()
	}
	if b.err != nil {
		return 0, b.err
	}
	return b.text.Read(p)
}

func (b *readableBody) Close() error {
	for _, f := range b.close {
		f()
	}
	b.close = nil
	return b.raw.Close()
}

// encodingsOf lists the encodings of a body, outermost first.
func encodingsOf(h http.Header) (names []string) {
	for name := range strings.SplitSeq(strings.Join(h.Values("Content-Encoding"), ","), ",") {
		if name = strings.ToLower(strings.TrimSpace(name)); name != "" && name != "identity" {
			names = append(names, name)
		}
	}
	slices.Reverse(names)
	return names
}

// charsetParam finds the charset also in a malformed Content-Type.
var charsetParam = regexp.MustCompile(`(?i);\s*charset\s*=\s*["']?([^\s"';,]+)`)

func charsetOf(h http.Header) string {
	if m := charsetParam.FindStringSubmatch(h.Get("Content-Type")); m != nil {
		return m[1]
	}
	return ""
}

func (b *readableBody) open() (io.Reader, error) {
	r := bufio.NewReaderSize(b.raw, peekBytes)
	for n := 0; ; n++ {
		begin, err := r.Peek(peekBytes)
		if len(begin) == 0 && err != nil {
			return nil, err
		}
		name := b.encoding(begin)
		if name == "" {
			return decodeCharset(r, begin, b.charset)
		}
		if n == maxEncodings {
			return nil, &clients.Error{Code: clients.CodeBadResponse, Message: fmt.Sprintf("the response is compressed more than %d times", maxEncodings)}
		}
		decoder, err := b.decompress(name, begin, r)
		if err != nil {
			return nil, err
		}
		r = bufio.NewReaderSize(decoder, peekBytes)
	}
}

var (
	gzipMagic = []byte{0x1f, 0x8b}             // RFC 1952, section 2.3.1
	zstdMagic = []byte{0x28, 0xb5, 0x2f, 0xfd} // RFC 8878, section 3.1.1
)

// encoding is the compression of a body by its first bytes, "" for none.
func (b *readableBody) encoding(begin []byte) string {
	for {
		name := ""
		if len(b.encodings) > 0 {
			name, b.encodings = b.encodings[0], b.encodings[1:]
		}
		switch {
		case bytes.HasPrefix(begin, gzipMagic):
			return "gzip"
		case bytes.HasPrefix(begin, zstdMagic):
			return "zstd"
		case name == "":
			return ""
		case name != "gzip" && name != "x-gzip" && name != "zstd" && !looksLikeText(begin):
			return name
		}
	}
}

// looksLikeText reports whether a body begins like JSON or a web page, in any charset.
func looksLikeText(begin []byte) bool {
	if bom, _ := unicodeOf(begin); bom != nil {
		return true
	}
	begin = bytes.TrimPrefix(begin, utf8BOM)
	return len(begin) > 0 && mayBeText(begin[0]) &&
		!bytes.ContainsFunc(begin, func(r rune) bool { return r < ' ' && r != '\t' && r != '\r' && r != '\n' })
}

// mayBeText reports whether JSON or a web page may begin with a byte.
func mayBeText(b byte) bool { return strings.IndexByte(" \t\r\n{[\"<-0123456789tfn", b) >= 0 }

func (b *readableBody) decompress(name string, begin []byte, r io.Reader) (io.Reader, error) {
	from := &sourceReader{Reader: r}
	var decoder io.Reader
	var err error
	switch name {
	case "gzip":
		decoder, err = gzip.NewReader(from)
	case "zstd":
		var z *zstd.Decoder
		z, err = zstd.NewReader(from, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxZstdWindow))
		if err == nil {
			b.close = append(b.close, z.Close)
			decoder = z
		}
	case "br":
		decoder = brotli.NewReader(from)
	case "deflate": // RFC 9110 section 8.4.1.2: with the zlib header, which some omit
		if isZlib(begin) {
			decoder, err = zlib.NewReader(from)
		} else {
			decoder = flate.NewReader(from)
		}
	default:
		return nil, &clients.Error{Code: clients.CodeBadResponse, Message: fmt.Sprintf("the response has the Content-Encoding %.40q, which cannot be read", name), Hint: "ask the provider to send gzip, or no Content-Encoding"}
	}
	if err != nil {
		return nil, from.failed(name, err)
	}
	return &decompressed{Reader: decoder, from: from, name: name}, nil
}

// isZlib reports whether a zlib header follows (RFC 1950 section 2.2).
func isZlib(begin []byte) bool {
	const deflated, check = 8, 31
	return len(begin) > 1 && begin[0]&0x0f == deflated && (int(begin[0])<<8|int(begin[1]))%check == 0
}

// sourceReader remembers why reading compressed bytes failed.
type sourceReader struct {
	io.Reader
	err error
}

func (s *sourceReader) Read(p []byte) (int, error) {
	n, err := s.Reader.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		s.err = err
	}
	return n, err
}

// failed is the error of a decoder: the connection's error, an unexpected end, or invalid compressed
// bytes.
func (s *sourceReader) failed(name string, err error) error {
	switch {
	case s.err != nil:
		return s.err
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return io.ErrUnexpectedEOF
	}
	return &clients.Error{Code: clients.CodeBadResponse, Message: fmt.Sprintf("the response is not valid %s", name), Err: err}
}

type decompressed struct {
	io.Reader
	from *sourceReader
	name string
}

func (d *decompressed) Read(p []byte) (int, error) {
	n, err := d.Reader.Read(p)
	if err != nil && err != io.EOF { //nolint:errorlint // a wrapped EOF is not the end of the body
		err = d.from.failed(d.name, err)
	}
	return n, err
}

var utf8BOM = []byte("\ufeff")

// unicodeOf detects the encoding, other than UTF-8, of a body by its byte order mark or by the position of
// zeros: JSON begins with two ASCII characters. bom is the length of the mark; a nil encoding is
// UTF-8 or any other charset.
func unicodeOf(begin []byte) (e encoding.Encoding, bom int) {
	var b [4]byte
	n := copy(b[:], begin)
	switch {
	case n == 4 && b == [4]byte{0, 0, 0xfe, 0xff}:
		return utf32.UTF32(utf32.BigEndian, utf32.IgnoreBOM), 4
	case n == 4 && b == [4]byte{0xff, 0xfe, 0, 0}:
		return utf32.UTF32(utf32.LittleEndian, utf32.IgnoreBOM), 4
	case n >= 2 && b[0] == 0xfe && b[1] == 0xff:
		return unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM), 2
	case n >= 2 && b[0] == 0xff && b[1] == 0xfe:
		return unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM), 2
	case n == 4 && b[0] == 0 && b[1] == 0 && b[2] == 0 && mayBeText(b[3]):
		return utf32.UTF32(utf32.BigEndian, utf32.IgnoreBOM), 0
	case n == 4 && mayBeText(b[0]) && b[1] == 0 && b[2] == 0 && b[3] == 0:
		return utf32.UTF32(utf32.LittleEndian, utf32.IgnoreBOM), 0
	case n >= 2 && b[0] == 0 && mayBeText(b[1]) && (n < 4 || b[2] == 0 && isASCII(b[3])):
		return unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM), 0
	case n >= 2 && mayBeText(b[0]) && b[1] == 0 && (n < 4 || isASCII(b[2]) && b[3] == 0):
		return unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM), 0
	}
	return nil, 0
}

func isASCII(b byte) bool { return 0 < b && b < utf8.RuneSelf }

// decodeCharset reads a body as UTF-8. A byte order mark takes precedence over the stated charset
// (WHATWG Encoding, section 6); an unknown charset is read as UTF-8.
func decodeCharset(r *bufio.Reader, begin []byte, stated string) (io.Reader, error) {
	if e, bom := unicodeOf(begin); e != nil {
		_, _ = r.Discard(bom) // peeked before
		return &validText{Reader: transform.NewReader(r, e.NewDecoder()), charset: "Unicode", invalid: isReplacement}, nil
	}
	utf8Text := &validText{Reader: r, charset: "UTF-8"}
	if bytes.HasPrefix(begin, utf8BOM) {
		_, _ = r.Discard(len(utf8BOM))
		return utf8Text, nil
	}
	e, name := charset.Lookup(stated)
	if e == nil || name == "utf-8" || strings.HasPrefix(name, "utf-16") { // unicodeOf detects UTF-16
		return utf8Text, nil
	}
	if name == "replacement" {
		return nil, &clients.Error{Code: clients.CodeBadResponse, Message: fmt.Sprintf("the response has the charset %.40q, which cannot be read", stated)}
	}
	return &validText{Reader: transform.NewReader(r, e.NewDecoder()), charset: name, invalid: isUndefined}, nil
}

// isReplacement matches the rune that decoders write for invalid bytes.
func isReplacement(r rune) bool { return r == utf8.RuneError }

// isUndefined also matches C1 controls, which decoders write for bytes that a charset leaves undefined.
func isUndefined(r rune) bool { return r == utf8.RuneError || r >= 0x80 && r <= 0x9f }

// validText returns an error once, at the first invalid text; later reads continue, so that it can be recorded.
type validText struct {
	io.Reader                   // of UTF-8
	charset   string            // the decoded charset, for messages
	invalid   func(rune) bool   // nil for UTF-8 without decoding
	part      [utf8.UTFMax]byte // an incomplete character at the end
	n         int               // bytes in part
	failed    bool
}

func (v *validText) Read(p []byte) (int, error) {
	n, err := v.Reader.Read(p)
	if !v.failed && (!v.check(p[:n]) || err == io.EOF && v.n > 0) {
		v.failed = true
		return n, &clients.Error{
			Code: clients.CodeBadResponse, Message: fmt.Sprintf("the response has bytes that are not valid %s", v.charset),
			Hint: "ask the provider to send UTF-8, or to state the charset in Content-Type",
		}
	}
	return n, err
}

// check reports whether text that continues with b is valid.
func (v *validText) check(b []byte) bool {
	for v.n > 0 && len(b) > 0 {
		v.part[v.n] = b[0]
		v.n, b = v.n+1, b[1:]
		if utf8.FullRune(v.part[:v.n]) {
			if !v.valid(v.part[:v.n]) {
				return false
			}
			v.n = 0
		}
	}
	for i := 1; i < utf8.UTFMax && i <= len(b); i++ {
		if tail := b[len(b)-i:]; utf8.RuneStart(tail[0]) {
			if !utf8.FullRune(tail) {
				v.n = copy(v.part[:], tail)
				b = b[:len(b)-i]
			}
			break
		}
	}
	return v.valid(b)
}

func (v *validText) valid(b []byte) bool {
	return utf8.Valid(b) && (v.invalid == nil || !bytes.ContainsFunc(b, v.invalid))
}
