package mask_test

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"net/url"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode"
	"unicode/utf16"

	"orderbeat/auth/mask"
)

const secret = `Kanarien+vogel/"42"\u0041 ä%41&lt;`

// spelled are ways in which a program writes a text.
var spelled = map[string]func(string) string{
	"plain": func(s string) string { return s },
	"JSON":  func(s string) string { b, _ := json.Marshal(s); return string(b[1 : len(b)-1]) },
	"all JSON": everyRune(func(r rune) (text string) {
		for _, unit := range utf16.Encode([]rune{r}) {
			text += fmt.Sprintf(`\u%04X`, unit)
		}
		return text
	}),
	"half JSON": func(s string) string {
		return everyRune(func(r rune) string { return fmt.Sprintf(`\u%04x`, r) })(s[:9]) + strings.ReplaceAll(strings.ReplaceAll(s[9:], `\`, `\\`), `"`, `\"`)
	},
	"escaped slash": func(s string) string {
		b, _ := json.Marshal(s)
		return strings.ReplaceAll(string(b[1:len(b)-1]), "/", `\/`)
	},
	"Go":             func(s string) string { return strings.Trim(fmt.Sprintf("%q", s), `"`) },
	"a form":         url.QueryEscape,
	"a path":         url.PathEscape,
	"lower case URL": func(s string) string { return strings.ToLower(url.QueryEscape(s)) },
	"all of a URL":   func(s string) string { return everyByte("%%%02X")(s) },
	"HTML":           html.EscapeString,
	"decimal HTML":   everyRune(func(r rune) string { return fmt.Sprintf("&#%d;", r) }),
	"hex HTML":       everyRune(func(r rune) string { return fmt.Sprintf("&#x%X;", r) }),
	"base64":         func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) },
	"raw base64":     func(s string) string { return base64.RawStdEncoding.EncodeToString([]byte(s)) },
	"URL base64":     func(s string) string { return base64.URLEncoding.EncodeToString([]byte(s)) },
	"raw URL base64": func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) },
	"Basic":          func(s string) string { return base64.StdEncoding.EncodeToString([]byte("me:" + s)) },
	"in base64": func(s string) string {
		return base64.StdEncoding.EncodeToString([]byte("a longer text, " + s + ", and on"))
	},
	"hex":        func(s string) string { return hex.EncodeToString([]byte(s)) },
	"upper hex":  func(s string) string { return strings.ToUpper(hex.EncodeToString([]byte(s))) },
	"lower case": strings.ToLower,
	"upper case": func(s string) string {
		return strings.Map(func(r rune) rune {
			if 'a' <= r && r <= 'z' {
				r += 'A' - 'a'
			}
			return r
		}, s)
	},
}

func everyRune(f func(rune) string) func(string) string {
	return func(s string) string {
		var b strings.Builder
		for _, r := range s {
			b.WriteString(f(r))
		}
		return b.String()
	}
}

func everyByte(format string) func(string) string {
	return func(s string) string {
		var b strings.Builder
		for _, c := range []byte(s) {
			fmt.Fprintf(&b, format, c)
		}
		return b.String()
	}
}

func TestSecretsAreMaskedInEveryEncoding(t *testing.T) {
	s := mask.New()
	s.Add(secret)
	for name, spell := range spelled {
		for around, wrap := range map[string]func(string) string{
			"alone": func(s string) string { return s }, "in a sentence": func(s string) string { return "it was <" + s + ">, he said" },
		} {
			text := wrap(spell(secret))
			if got, want := s.Text(text), wrap(mask.Redacted); got != want {
				t.Errorf("%s, %s: %s became %s, want %s", name, around, text, got, want)
			}
		}
	}
}

func TestSecretsAreMaskedInEncodingsOfEncodings(t *testing.T) {
	s := mask.New()
	s.Add(secret)
	for _, outer := range []string{"JSON", "all JSON", "escaped slash", "a form", "all of a URL", "HTML", "decimal HTML"} {
		for inner, spell := range spelled {
			if inner == "upper case" {
				continue // the secret's own escapes are none in upper case
			}
			text := "<" + spelled[outer](spell(secret)) + ">"
			if got, want := s.Text(text), "<"+mask.Redacted+">"; got != want {
				t.Errorf("%s in %s: %s became %s", inner, outer, text, got)
			}
		}
	}
}

func TestDocumentsStayDocuments(t *testing.T) {
	s := mask.New()
	s.Add(secret)
	body, err := json.Marshal(map[string]any{"a" + secret: []any{secret, secret + secret, "x" + secret + `\`}, "b": spelled["JSON"](`"` + secret), "c": 1})
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(s.Bytes(body), &got); err != nil {
		t.Fatalf("%s became %s: %v", body, s.Bytes(body), err)
	}
	if len(got) != 3 || got["c"] != 1.0 {
		t.Errorf("got %v", got)
	}
}

func TestOrdinaryTextStays(t *testing.T) {
	s := mask.New()
	s.Add("", "main", "hunter2", "20261129", "michelin-secret")
	for _, text := range []string{"", "main: hunter2", "on 20261129", "michelin-secre.", `{"a":"\u00e4","b":"%41&amp;"}`, "michelin"} {
		if got := s.Text(text); got != text {
			t.Errorf("%s became %s", text, got)
		}
	}
	if got := (*mask.Set)(nil).Text("michelin-secret"); got != "michelin-secret" {
		t.Errorf("no set made %s", got)
	}
}

func TestShortPasswordsAreMaskedInBasicPairs(t *testing.T) {
	s := mask.New()
	s.AddPair("john:doe", "pw")
	for _, pair := range []string{"john:doe:pw", "john%3Adoe:pw"} {
		text := "Basic " + base64.StdEncoding.EncodeToString([]byte(pair))
		if got := s.Text(text); !strings.HasPrefix(got, "Basic REDACTED") {
			t.Errorf("%s became %s", text, got)
		}
	}
	if text := "john:doe:pwd"; s.Text(text) != text {
		t.Errorf("%s became %s", text, s.Text(text))
	}
}

func TestTruncatedTokensAreMasked(t *testing.T) {
	s := mask.New()
	token := "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJjYW5hcnkifQ.signature-of-the-token"
	s.Add(token)
	for text, want := range map[string]string{
		"the token " + token[:30] + "… is old": "the token REDACTED… is old",
		"the token " + token[:40]:              "the token REDACTED",
		"the token " + token[:10]:              "the token " + token[:10],
		"the token " + token[:10] + " is old":  "the token " + token[:10] + " is old",
	} {
		if got := s.Text(text); got != want {
			t.Errorf("%s became %s", text, got)
		}
	}
}

func TestSecretsWithACommonPrefix(t *testing.T) {
	s := mask.New()
	secrets := []string{"same-beginning", "same-beginning-and-more", "same-beginning-and-other", "same-beginning-zzz-and-much-longer-than-that"}
	s.Add(secrets...)
	for _, v := range secrets {
		if got := s.Text("(" + v + ")"); got != "(REDACTED)" {
			t.Errorf("%s became %s", v, got)
		}
	}
	for text, want := range map[string]string{
		"same-beginning-and-x": "REDACTED-and-x", "same-beginning-zzz-and-m": "REDACTED", "same-beginning-zzz.": "REDACTED-zzz.", "same-beginnin.": "same-beginnin.",
	} {
		if got := s.Text(text); got != want {
			t.Errorf("%s became %s, want %s", text, got, want)
		}
	}
}

func TestReplacedTokensStayMaskedForAnHour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := mask.New()
		s.Hold("acme", "access-token-1", "refresh-token")
		s.Hold("other", "access-token-1")
		s.Hold("acme", "access-token-2", "refresh-token")
		const all = "access-token-1, access-token-2, refresh-token"
		if got := s.Text(all); got != "REDACTED, REDACTED, REDACTED" {
			t.Errorf("at once: %s", got)
		}
		s.Hold("other")
		time.Sleep(61 * time.Minute)
		s.Hold("third", "something-else")
		if got := s.Text(all); got != "access-token-1, REDACTED, REDACTED" {
			t.Errorf("after an hour: %s", got)
		}
	})
}

func TestReplacedTokensAreBounded(t *testing.T) {
	s := mask.New()
	const tokens = 6_000
	for i := range tokens {
		s.Hold("acme", fmt.Sprintf("access-token-%06d", i))
	}
	kept := 0
	for i := range tokens {
		if s.Text(fmt.Sprintf("access-token-%06d", i)) == mask.Redacted {
			kept++
		}
	}
	if kept < 1000 || kept > 5000 {
		t.Errorf("%d replaced tokens are kept", kept)
	}
}

// hostile are texts that are meant to cost much.
func hostile(n int) map[string]string {
	texts := map[string]string{}
	for _, part := range []string{
		"access-t", "access-token-0", strings.Repeat("a", 1000), "a", `\`, `\\`, `\u0061`, "%", "%61", "&", "&#97;", "&#97", `\"`, "%25",
		base64.StdEncoding.EncodeToString([]byte("access-token-000000")), "YWNjZXNzLXRva2Vu", "\x00\xff", `\ud800`,
	} {
		texts[part] = strings.Repeat(part, n/len(part)+1)[:n]
	}
	return texts
}

func TestMemoryGrowsWithTheTextOnly(t *testing.T) {
	s := mask.New()
	s.Add(strings.Repeat("a", 1000)+"b", strings.Repeat("a", 1000)+"c", strings.Repeat("access-t", 100))
	for i := range 1000 {
		s.Add(fmt.Sprintf("access-token-%06d", i))
	}
	for part, text := range hostile(1 << 20) {
		body := []byte(text)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		s.Bytes(body)
		runtime.ReadMemStats(&after)
		const most = 40 // bytes for each of the text's
		if used := after.TotalAlloc - before.TotalAlloc; used > most*uint64(len(body)) {
			t.Errorf("%.20q takes %d bytes for each of its own", part, used/uint64(len(body)))
		}
	}
}

func TestTextWithoutSecretsCostsNoMemory(t *testing.T) {
	s := mask.New()
	s.Add(secret)
	text := strings.Repeat("order 4711 is late. ", 10)
	if n := testing.AllocsPerRun(100, func() { s.Text(text) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// FuzzSet hides a secret in a text, in encodings of encodings.
func FuzzSet(f *testing.F) {
	names := []string{"plain", "JSON", "all JSON", "escaped slash", "a form", "a path", "all of a URL", "HTML", "decimal HTML", "base64", "in base64", "hex"}
	f.Add("before ", secret, " after", uint8(0), uint8(1))
	f.Add(`\`, `\\\\\\\\u0041`, `\`, uint8(3), uint8(8))
	f.Add("%", "%%25%2541%", "41", uint8(4), uint8(2))
	f.Add("&", "&amp;amp;amp;#65;", ";", uint8(7), uint8(6))
	f.Add("YQ", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "==", uint8(10), uint8(9))
	f.Fuzz(func(t *testing.T, before, value, after string, inner, outer uint8) {
		value = strings.ToValidUTF8(value, "?")
		if strings.ContainsFunc(value, unicode.IsControl) {
			return // no secret has one (RFC 6749 appendix A), and HTML cannot spell them
		}
		if len(value) < 12 || !json.Valid([]byte(`"`+strings.Map(plainRune, value)+`"`)) {
			return
		}
		s := mask.New()
		s.Add(value)
		spelling := spelled[names[int(inner)%len(names)]](value)
		spelling = spelled[names[int(outer)%9]](spelling)
		text := before + "<" + spelling + ">" + after
		if got := s.Text(text); strings.Contains(got, "<"+spelling+">") && !strings.Contains(before+after, spelling) {
			t.Errorf("%q in %q became %q", value, text, got)
		}
	})
}

func plainRune(r rune) rune {
	if r < ' ' || r == '"' || r == '\\' {
		return '.'
	}
	return r
}

func BenchmarkSet(b *testing.B) {
	s := mask.New()
	for i := range 50 {
		s.Add(fmt.Sprintf("%s-%06d", strings.Repeat("t", i), i))
	}
	for name, part := range map[string]string{
		"orders": `{"supplierOrderNumber":{"documentId":"1234567890"},"note":"as agreed"},`, "escapes": `{"note":"as \"agreed\""},`, "hits": "tttttttttttttt-000020 ",
	} {
		b.Run(name, func(b *testing.B) {
			body := []byte(strings.Repeat(part, 1<<20/len(part)))
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				s.Bytes(body)
			}
		})
	}
}
