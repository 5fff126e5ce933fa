package httpapi_test

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/encoding/unicode/utf32"

	"orderbeat/clients"
	"orderbeat/clients/clienttest"
	"orderbeat/clients/exchange"
	"orderbeat/clients/httpapi"
)

// sampleText has characters of one to four bytes, as far as a charset has them.
const sampleText = `{"id":"Mül-1","more":"Mäl-1"}`

func compressed(t *testing.T, w func(io.Writer) io.WriteCloser, text string) string {
	t.Helper()
	var b bytes.Buffer
	c := w(&b)
	_, _ = io.WriteString(c, text)
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func gzipped(w io.Writer) io.WriteCloser   { return gzip.NewWriter(w) }
func zlibbed(w io.Writer) io.WriteCloser   { return zlib.NewWriter(w) }
func brotlied(w io.Writer) io.WriteCloser  { return brotli.NewWriter(w) }
func deflated(w io.Writer) io.WriteCloser  { f, _ := flate.NewWriter(w, flate.BestSpeed); return f }
func stored(w io.Writer) io.WriteCloser    { f, _ := flate.NewWriter(w, flate.NoCompression); return f }
func zstandard(w io.Writer) io.WriteCloser { z, _ := zstd.NewWriter(w); return z }

func encoded(t *testing.T, e encoding.Encoding, text string) string {
	t.Helper()
	s, err := e.NewEncoder().String(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// wrongSum has another checksum than its contents.
func wrongSum(gzip string) string { return gzip[:len(gzip)-8] + "damaged!" }

func TestResponsesAreReadInEveryEncoding(t *testing.T) {
	long := `{"id":"` + strings.Repeat("Mül😀", 50_000) + `"}`
	sixty := `{"id":"` + strings.Repeat("x", 60-len(`{"id":""}`)) + `"}` // its length is "<"
	utf16le, utf16be := unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM), unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM)
	for name, c := range map[string]struct {
		contentType, contentEncoding, body, want string
	}{
		"plain":                            {"application/json", "", sampleText, sampleText},
		"empty":                            {"application/json", "", "", ""},
		"a long one":                       {"application/json", "", long, long},
		"BOM":                              {"application/json", "", "\ufeff" + sampleText, sampleText},
		"ISO-8859-1":                       {"application/json;charset=ISO-8859-1", "", encoded(t, charmap.ISO8859_1, sampleText), sampleText},
		"in quotes":                        {`application/json; Charset="latin1"; x`, "", encoded(t, charmap.ISO8859_1, sampleText), sampleText},
		"windows-1252":                     {"application/json; charset=windows-1252", "", encoded(t, charmap.Windows1252, sampleText+"€"), sampleText + "€"},
		"ISO-8859-2":                       {"application/json; charset=iso-8859-2", "", encoded(t, charmap.ISO8859_2, "[\"Łódź\"]"), "[\"Łódź\"]"},
		"Shift_JIS":                        {"application/json; charset=Shift_JIS", "", encoded(t, japanese.ShiftJIS, "[\"タイヤ\"]"), "[\"タイヤ\"]"},
		"UTF-16 with BOM":                  {"application/json", "", encoded(t, unicode.UTF16(unicode.BigEndian, unicode.UseBOM), long), long},
		"UTF-16LE with BOM, stated as so":  {"application/json; charset=utf-16le", "", "\xff\xfe" + encoded(t, utf16le, sampleText), sampleText},
		"UTF-16 without BOM":               {"application/json; charset=utf-16", "", encoded(t, utf16be, sampleText), sampleText},
		"UTF-16LE that nobody states":      {"application/json", "", encoded(t, utf16le, sampleText), sampleText},
		"UTF-32":                           {"application/json", "", encoded(t, utf32.UTF32(utf32.LittleEndian, utf32.UseBOM), sampleText), sampleText},
		"a BOM against the charset":        {"application/json; charset=iso-8859-1", "", "\ufeff" + sampleText, sampleText},
		"UTF-16 that is UTF-8":             {"application/json; charset=utf-16", "", sampleText, sampleText},
		"an unknown charset":               {"application/json; charset=none", "", sampleText, sampleText},
		"gzip":                             {"application/json", "gzip", compressed(t, gzipped, long), long},
		"x-gzip":                           {"application/json", "x-gzip", compressed(t, gzipped, sampleText), sampleText},
		"gzip that nobody states":          {"application/json", "", compressed(t, gzipped, sampleText), sampleText},
		"gzip that is not":                 {"application/json", "gzip", sampleText, sampleText},
		"gzip that is empty":               {"application/json", "gzip", "", ""},
		"gzip, twice":                      {"application/json", "gzip, gzip", compressed(t, gzipped, compressed(t, gzipped, sampleText)), sampleText},
		"gzip, once stated":                {"application/json", "gzip", compressed(t, gzipped, compressed(t, gzipped, sampleText)), sampleText},
		"gzip that is zstd":                {"application/json", "gzip", compressed(t, zstandard, sampleText), sampleText},
		"deflate":                          {"application/json", "deflate", compressed(t, zlibbed, long), long},
		"deflate without a header":         {"application/json", "deflate", compressed(t, deflated, long), long},
		"deflate without compression":      {"application/json", "deflate", compressed(t, stored, sixty), sixty},
		"deflate that is not":              {"application/json", "deflate", " " + sampleText, " " + sampleText},
		"br":                               {"application/json", "br", compressed(t, brotlied, long), long},
		"a short br":                       {"application/json", "BR", compressed(t, brotlied, "{}"), "{}"},
		"br that is not":                   {"application/json", "br", long, long},
		"br that is UTF-16":                {"application/json", "br", encoded(t, unicode.UTF16(unicode.LittleEndian, unicode.UseBOM), sampleText), sampleText},
		"zstd":                             {"application/json", "zstd", compressed(t, zstandard, long), long},
		"identity":                         {"application/json", "identity", sampleText, sampleText},
		"a charset as encoding":            {"application/json", "UTF-8", sampleText, sampleText},
		"br of gzip":                       {"application/json", "gzip, br", compressed(t, brotlied, compressed(t, gzipped, sampleText)), sampleText},
		"gzip of ISO-8859-1":               {"text/plain; charset=ISO-8859-1", "gzip", compressed(t, gzipped, encoded(t, charmap.ISO8859_1, sampleText)), sampleText},
		"bytes that are not UTF-8":         {"application/json", "", "{\"id\":\"M\xfcl\"}", "bad_response: the response has bytes that are not valid UTF-8"},
		"half a character":                 {"application/json", "", "\"M\xc3", "bad_response: the response has bytes that are not valid UTF-8"},
		"stated as UTF-8":                  {"application/json; charset=utf-8", "", encoded(t, charmap.ISO8859_1, sampleText), "bad_response: the response has bytes that are not valid UTF-8"},
		"bytes that are not Shift_JIS":     {"application/json; charset=Shift_JIS", "", "[\"\x81\x00\"]", "bad_response: the response has bytes that are not valid shift_jis"},
		"bytes that are not windows-1252":  {"application/json; charset=windows-1252", "", "[\"\x81\"]", "bad_response: the response has bytes that are not valid windows-1252"},
		"half of a surrogate":              {"application/json", "", "\xff\xfe[\x00\x00\xd8]\x00", "bad_response: the response has bytes that are not valid Unicode"},
		"gzip that is damaged":             {"application/json", "gzip", wrongSum(compressed(t, gzipped, sampleText)), "bad_response: the response is not valid gzip"},
		"gzip that ends early":             {"application/json", "gzip", compressed(t, gzipped, long)[:200], "unavailable: the connection was closed before the response was complete"},
		"br that is damaged":               {"application/json", "br", "\x00\x01\x02 something else", "bad_response: the response is not valid br"},
		"an encoding that nobody can read": {"application/json", "compress", "\x1f\x9d\x90", `bad_response: the response has the Content-Encoding "compress", which cannot be read`},
		"a charset that must not be read":  {"application/json; charset=iso-2022-kr", "", sampleText, `bad_response: the response has the charset "iso-2022-kr", which cannot be read`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", c.contentType)
				if c.contentEncoding != "" {
					w.Header().Set("Content-Encoding", c.contentEncoding)
				}
				_, _ = io.WriteString(w, c.body)
			})
			got, err := post(t.Context(), httpapi.NewHTTP(clienttest.Section("sample", server)), server)
			if e := clients.AsError(err); err != nil {
				got = string(e.Code) + ": " + e.Message
			}
			if got != c.want {
				t.Errorf("got %.200q, want %.200q", got, c.want)
			}
		})
	}
}

// What is recorded is what the mapping saw, so that it can be mapped again.
func TestResponseIsRecordedDecoded(t *testing.T) {
	server := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json; charset=ISO-8859-1")
		w.Header().Set("Content-Encoding", "br")
		_, _ = io.WriteString(w, compressed(t, brotlied, encoded(t, charmap.ISO8859_1, sampleText)))
	})
	h := httpapi.NewHTTP(clienttest.Section("sample", server))
	ctx, recording := exchange.Record(t.Context())
	if _, err := post(ctx, h, server); err != nil {
		t.Fatal(err)
	}
	list := recording.Exchanges()
	if len(list) != 1 || list[0].ResponseBody != sampleText {
		t.Fatalf("got %+v, want %s", list, sampleText)
	}
	got, err := post(exchange.WithPlayback(t.Context(), list), h, server)
	if err != nil || got != sampleText {
		t.Errorf("played back %s and %v, want %s", got, err, sampleText)
	}
}
