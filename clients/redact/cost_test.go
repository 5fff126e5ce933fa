package redact

// It is an inside test because it counts the steps of a scan.

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"orderbeat/auth/mask"
)

// What one byte of a document may cost: bytes of memory, and steps. There are a few of each for
// every document, however short it is.
const (
	bytesPerByte, bytesAtLeast = 160, 64 << 10
	stepsPerByte, stepsAtLeast = 8, 1000
)

// costs checks what it costs to redact a body.
func costs(t *testing.T, r Redactor, contentType string, body []byte) {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	shown := r.Body(t.Context(), contentType, body)
	runtime.ReadMemStats(&after)
	if used, most := after.TotalAlloc-before.TotalAlloc, uint64(bytesPerByte*len(body)+bytesAtLeast); used > most {
		t.Errorf("%d bytes of %.40q take %d bytes of memory, which is %d for each", len(body), body, used, used/uint64(max(1, len(body))))
	}
	if json.Valid(body) && !json.Valid(shown) {
		t.Errorf("%.100q became %.100q, which is not JSON", body, shown)
	}
	for _, content := range [][]byte{body, mask.UnescapeJSON(body)} {
		s := &scan{r: r}
		if _, ok := s.json(content, r.paths, 0); !ok {
			s.text(content)
		}
		if steps := s.work + s.scanned; steps > stepsPerByte*len(content)+stepsAtLeast {
			t.Errorf("%d bytes of %.40q take %d steps", len(content), content, steps)
		}
	}
}

func redactor() Redactor {
	s := mask.New()
	s.Add("kanarienvogel", strings.Repeat("a", 500)+"b", strings.Repeat("code:", 100))
	return New([]string{"own"}, []string{"a.b", "*.*.c"}).Masking(s)
}

// hostile are parts that are repeated.
var hostile = []string{
	"value=%22", `code:\x `, "code:{", "state:[", "code: ", "code>", "/password>", "password>", "<password>", "token:[", "token={", `token:"`, "password: null ",
	`token=""`, "<input name=", `<input value="`, "<input value=x name=token ", "name=", "&token", "?code=&state=", "%3d", "%22", `\"`, `\`, "token\\:", "password=&", "4111 ",
	"4111111111111111", "-", "a", " ", ":", "=", ">", "<", "&quot;", "token&quot;:&quot;", "=>", "\x00", "\xff", "\u2028", "&#97;", "%61", `\u0061`, "kanarien", "kanarienvogel", "aaaa",
	"{", "[", `{"a":`, `[[],`, `{"token":`, `{"name":"token","value":`, `"`, `{"a":"{`, `,"a":1`, "a=b&", "password=x&", "://?token=", "token\n", "token \t",
}

func TestCostIsLinearInTheLength(t *testing.T) {
	const size = 8 << 10 // steps are counted: what grows with the square shows here, too
	r := redactor()
	for _, part := range hostile {
		text := strings.Repeat(part, size/len(part))
		quotedText, err := json.Marshal(text)
		if err != nil {
			t.Fatal(err)
		}
		twice, err := json.Marshal(map[string]string{"note": string(quotedText)})
		if err != nil {
			t.Fatal(err)
		}
		for contentType, body := range map[string][]byte{
			"text/html": []byte(text), "application/x-www-form-urlencoded": []byte(text), "application/json": quotedText,
			"application/vnd.api+json": twice, "text/plain": []byte(`{"note": "` + text), "": append(append([]byte(`{"note":`), quotedText...), `,"token":"x"}`...),
		} {
			costs(t, r, contentType, body)
		}
	}
}

func TestDeepAndBrokenDocuments(t *testing.T) {
	r := redactor()
	deep := func(open, inner, end string, n int) []byte {
		return []byte(strings.Repeat(open, n) + inner + strings.Repeat(end, n))
	}
	embedded := []byte(`{"token":"kanarienvogel","n":1}`)
	for range 12 {
		embedded, _ = json.Marshal(map[string]string{"echo": string(embedded)})
		embedded = embedded[:min(len(embedded), 1<<20)]
	}
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	_, _ = w.Write(bytes.Repeat([]byte("kanarienvogel "), 1000))
	_ = w.Close()
	for _, body := range [][]byte{
		deep("[", "1", "]", 9000), deep("[", "1", "]", 20000), deep(`{"a":`, `{"token":"kanarienvogel"}`, "}", 9000), deep(`{"token":`, "1", "}", 9000), embedded,
		deep(`{"a":`, `{"token":"kanarienvogel`, "", 9000), []byte(`{"echo":"\ud800\udc00\ud800","token":"kanarienvogel"}`), packed.Bytes(),
	} {
		costs(t, r, "application/json", body)
		if shown := r.Body(t.Context(), "application/json", body); bytes.Contains(shown, []byte("kanarien")) {
			t.Errorf("%.80q became %.80q", body, shown)
		}
	}
}

func TestRedactionEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	body := []byte("[" + strings.Repeat(`"a",`, 1<<16) + "1]")
	if got := string(New(nil, nil).Body(ctx, "", body)); got != mask.Redacted {
		t.Errorf("got %.40s", got)
	}
}

// FuzzCost repeats what it is given, as what costs too much does.
func FuzzCost(f *testing.F) {
	for _, part := range hostile {
		f.Add(part, "", uint8(0))
		f.Add(part, `{"note":"`, uint8(1))
	}
	f.Fuzz(func(t *testing.T, part, before string, how uint8) {
		if part == "" || len(part) > 1000 {
			return
		}
		text := before + strings.Repeat(part, 16<<10/len(part))
		if how&1 != 0 {
			b, err := json.Marshal(text)
			if err != nil {
				return
			}
			text = string(b)
		}
		contentType := []string{"", "application/json", "application/x-www-form-urlencoded", "text/html"}[how>>1&3]
		costs(t, redactor(), contentType, []byte(text))
	})
}

func TestBodiesOfTheCorpus(t *testing.T) {
	files, err := filepath.Glob("testdata/*.body")
	if err != nil || len(files) == 0 {
		t.Fatal("no bodies", err)
	}
	for _, name := range files {
		body, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		costs(t, redactor(), "application/json", body)
		for range 20 { // cut anywhere
			costs(t, redactor(), "application/json", body[:rand.IntN(len(body)+1)])
		}
		if bytes.Contains(redactor().Body(t.Context(), "", body), []byte("kanarien")) {
			t.Errorf("%s shows a secret", name)
		}
	}
}
