package tomlfile // an inside test: offsets are not exported

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"
)

// form encodes a text as a TOML string and records the offset of each of its bytes.
type form struct {
	quotes, raw string
	places      []int
	random      *rand.Rand
}

// add appends raw text with the given meaning.
func (f *form) add(written, means string) {
	for range len(means) {
		f.places = append(f.places, len(f.raw))
	}
	f.raw += written
}

// char appends a character literally, or as one of its escape sequences.
func (f *form) char(r rune, escaped bool) {
	short := map[rune]string{'\n': `\n`, '\t': `\t`, '\r': `\r`, '"': `\"`, '\\': `\\`, 0x1b: `\e`}[r]
	ways := []string{string(r)}
	if escaped {
		ways = []string{fmt.Sprintf(`\u%04X`, r), fmt.Sprintf(`\U%08x`, r)}
		if r < 0x100 {
			ways = append(ways, fmt.Sprintf(`\x%02x`, r))
		}
		if short != "" {
			ways = append(ways, short)
		}
		if r >= 0x10000 {
			ways = ways[1:]
		}
	}
	way := ways[f.random.IntN(len(ways))]
	for i := range utf8.RuneLen(r) { // literally
		at := len(f.raw)
		if !escaped {
			at += i
		}
		f.places = append(f.places, at)
	}
	f.raw += way
}

// write appends a random string, and returns its value.
func (f *form) write() (means string) {
	basic, lines := f.quotes[0] == '"', len(f.quotes) == 3
	if lines {
		f.raw = []string{"\n", "\r\n"}[f.random.IntN(2)]
	}
	f.raw = f.quotes + f.raw
	for range f.random.IntN(12) {
		r := []rune("abc .[\t\n\r'\"\\ä日😀\x1b")[f.random.IntN(16)]
		control := r == '\n' || r == '\r' || r == 0x1b
		switch {
		case basic && lines && r == '.': // a line continuation
			f.raw += []string{"\\\n", "\\ \t\r\n \n\t", "\\\n\n  "}[f.random.IntN(3)]
			f.char('x', f.random.IntN(2) == 0)
			means += "x"
			continue
		case lines && r == '\r':
			f.add("\r", "\r")
			f.add("\n", "\n")
			means += "\r\n"
			continue
		case lines && r == '\n':
			f.char(r, false)
		case basic:
			f.char(r, control || r == '"' || r == '\\' || f.random.IntN(4) == 0)
		case control || r == '\'':
			continue
		default:
			f.char(r, false)
		}
		means += string(r)
	}
	if lines { // up to two quotes may precede the closing three
		own := strings.Repeat(f.quotes[:1], f.random.IntN(3))
		for _, r := range own {
			f.char(r, false)
		}
		means += own
	}
	f.places = append(f.places, len(f.raw))
	f.raw += f.quotes
	return means
}

func TestEveryByteOfAStringIsLocated(t *testing.T) {
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 0))
	for _, quotes := range []string{`"`, `'`, `"""`, `'''`} {
		for range 2000 {
			f := form{quotes: quotes, random: random}
			means := f.write()
			const before = "# ä\r\nt = [{ \"ключ.[0]\" = "
			text := before + f.raw + " }]\n"
			doc, mistake := Parse("x", []byte(text))
			if mistake != nil {
				t.Fatalf("seed %d: %q: %v", seed, text, mistake)
			}
			if got := doc.Values["t"].([]any)[0].(map[string]any)["ключ.[0]"]; got != means {
				t.Fatalf("seed %d: %q means %q, want %q", seed, text, got, means)
			}
			for i, at := range f.places { // the last is the offset of the closing quotes
				begin := text[:len(before)+at]
				for !utf8.ValidString(begin) {
					begin = begin[:len(begin)-1]
				}
				line, column := doc.Position(`t[0]."ключ.[0]"`, i+1)
				wantLine, wantColumn := strings.Count(begin, "\n")+1, utf8.RuneCountInString(begin[strings.LastIndex(begin, "\n")+1:])+1
				if line != wantLine || column != wantColumn {
					t.Fatalf("seed %d: %q: byte %d of %q is at %d:%d, want %d:%d", seed, text, i, means, line, column, wantLine, wantColumn)
				}
			}
		}
	}
}

func TestOffsetBeyondTheStringIsItsEnd(t *testing.T) {
	doc, mistake := Parse("x", []byte("a.b = 'one'\nn = 3\n"))
	if mistake != nil {
		t.Fatal(mistake)
	}
	for _, test := range []struct {
		path   string
		offset int
		want   string
	}{
		{"a.b", 0, "1:3"},
		{"a.b", 1, "1:8"},
		{"a.b", 4, "1:11"},
		{"a.b", 99, "1:11"},
		{"a.b.c", 2, "1:3"},
		{"n", 2, "2:1"},
		{"m", 2, "0:0"},
	} {
		line, column := doc.Position(test.path, test.offset)
		if got := fmt.Sprintf("%d:%d", line, column); got != test.want {
			t.Errorf("%s, offset %d: got %s, want %s", test.path, test.offset, got, test.want)
		}
	}
}

// FuzzOffsets looks for strings whose bytes are located at wrong offsets.
func FuzzOffsets(f *testing.F) {
	for _, raw := range []string{`"a\tb\u00e4"`, `'a'`, "\"\"\"\n a \\\n  b\"\"\"\"\"", "'''\r\n''a'''", `["", 'x']`, "\"\"\"a\r\n\"\"\""} {
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		doc, mistake := Parse("x", []byte("x = "+raw))
		if mistake != nil {
			return
		}
		means, ok := doc.Values["x"].(string)
		if !ok {
			return
		}
		written := doc.places["x"].written
		raw = string(doc.text[written.Offset : written.Offset+written.Length])
		last := 0
		for i := range len(means) {
			at := writtenAt([]byte(raw), i)
			if at < last || raw[at] != means[i] && raw[at] != '\\' {
				t.Errorf("%q: byte %d of %q is found at %d, after %d", raw, i, means, at, last)
			}
			last = at
		}
	})
}
