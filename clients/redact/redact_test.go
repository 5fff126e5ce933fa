package redact_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"orderbeat/clients/redact"
)

func TestBodiesWithoutSecrets(t *testing.T) {
	for name, c := range map[string]struct{ contentType, body, want string }{
		"members at any depth, in their order": {
			"application/json", `{"z": 1, "a": {"list": [{"Access-Token": "x", "ok": true}]}, "client_secret":"x" , "b": "c"}`,
			`{"z": 1, "a": {"list": [{"Access-Token": "REDACTED", "ok": true}]}, "client_secret":"REDACTED" , "b": "c"}`,
		},
		"whatever the value is": {
			"", `{"password":12345,"apiKey":["x",{"y":"}"}],"refreshToken":{"v":"x"},"jwt":1.5e3 ,"n":1}`,
			`{"password":"REDACTED","apiKey":"REDACTED","refreshToken":"REDACTED","jwt":"REDACTED" ,"n":1}`,
		},
		"but for what is none": {"", `{"password":null,"token":"","secret":true}`, `{"password":null,"token":"","secret":true}`},
		"a name that is spelled with escapes": {
			"", `{"client\u005fsecret":"x\"y","a":"b"}`, `{"client\u005fsecret":"REDACTED","a":"b"}`,
		},
		"but for code and state, which are ordinary words": {
			"", `{"code":"x-1","state":"x","error":{"code":503},"errorCode":"9531","token_type":"Bearer"}`,
			`{"code":"x-1","state":"x","error":{"code":503},"errorCode":"9531","token_type":"Bearer"}`,
		},
		"and in a text":  {"", "state=open, code: 5 ?state=open&q=a", "state=open, code: 5 ?state=open&q=a"},
		"and in a form":  {"application/x-www-form-urlencoded", "state=open&q=a", "state=open&q=a"},
		"and in a query": {"", `{"next":"https://api.example/orders?state=open&page=2"}`, `{"next":"https://api.example/orders?state=open&page=2"}`},
		"unless they are OAuth's": {
			"", `{"to":"https://as.example/x?code=x-1&state=y","from":"https://as.example/authorize?state=y","error":"/?code=503&state=a"}`,
			`{"to":"https://as.example/x?code=REDACTED&state=REDACTED","from":"https://as.example/authorize?state=REDACTED","error":"/?code=503&state=REDACTED"}`,
		},
		"JSON in JSON's strings": {
			"", `{"echo":"{\"client_secret\":\"x\",\"a\":\"<b>\"}","note":"a \u003cb> \/"}`,
			`{"echo":"{\"client_secret\":\"REDACTED\",\"a\":\"<b>\"}","note":"a \u003cb> \/"}`,
		},
		"addresses in JSON's strings": {
			"", `{"next":"https://api.example/?page=2&access_token=x&key=x#a"}`, `{"next":"https://api.example/?page=2&access_token=REDACTED&key=REDACTED"}`,
		},
		"card numbers": {
			"", `{"a":4111111111111111,"b":"no 4111111111111111.","s":"4111111111111111","c":-378282246310005,"d":[6304000000000000000],"e":4111111111111112,"f":1.5}`,
			`{"a":"REDACTED","b":"no REDACTED.","s":"REDACTED","c":"REDACTED","d":["REDACTED"],"e":4111111111111112,"f":1.5}`,
		},
		"card numbers in groups":        {"text/plain", "paid with 4111 1111 1111 1111 and 3782-822463-10005 on 2026-11-20", "paid with REDACTED and REDACTED on 2026-11-20"},
		"card numbers beside letters":   {"text/plain", "x4111111111111111y 14111111111111111", "xREDACTEDy 14111111111111111"},
		"a document that is cut off":    {"application/json", `{"a":"b","client_secret": "xxxx`, `{"a":"b","client_secret": "REDACTED`},
		"an object that is cut off":     {"application/json", `{"credentials": {"user":"x`, `{"credentials": "REDACTED"`},
		"a string in a cut off string":  {"application/json", `{"echo":"{\"client_secret\": \"x`, `{"echo":"{\"client_secret\": \"REDACTED`},
		"a quotation mark too many":     {"text/html", `5" <b>{"client_secret": "x", "a": "b"}</b>`, `5" <b>{"client_secret": "REDACTED", "a": "b"}</b>`},
		"a name without its first mark": {"", `secret": "x", "a": "b"`, `secret": "REDACTED", "a": "b"`},
		"single marks":                  {"", `{'client_secret': 'x', 'a': 'b'}`, `{'client_secret': 'REDACTED', 'a': 'b'}`},
		"marks as HTML has them":        {"", `&quot;password&quot;: &quot;x&quot;, b`, `&quot;password&quot;: &quot;REDACTED&quot;, b`},
		"marks as strings have them":    {"", `\"password\": \"x\", b`, `\"password\": \"REDACTED\", b`},
		"escapes in such strings":       {"", `\"password\": \"x\\\\\", \"pin\": \"x\\\"y\", \"a\": \"b\"`, `\"password\": \"REDACTED\", \"pin\": \"REDACTED\", \"a\": \"b\"`},
		"marks that are the value's":    {"", "password=%22%22wxyz&b=c", "password=REDACTED&b=c"},
		"as URLs have all that":         {"", `a%22password%22%3A%22x%22&amp;b%3Ftoken%3Dxyzw`, `a%22password%22%3A%22REDACTED%22&amp;b%3Ftoken%3DREDACTED`},
		"assignments in a text":         {"", "secret = \"x\", token => 'y' pwd=z&b=c pin==xyzw", "secret = \"REDACTED\", token => 'REDACTED' pwd=REDACTED&b=c pin==REDACTED"},
		"headers in a text":             {"", "Authorization: Bearer a.b\r\nHost: c\nError code: bad gateway", "Authorization: REDACTED\r\nHost: c\nError code: bad gateway"},
		"a query in a text":             {"", `<a href="/callback?state=xyz&amp;b=c">`, `<a href="/callback?state=REDACTED&amp;b=c">`},
		"a name behind an escape":       {"", `a\ntoken=x`, `a\ntoken=REDACTED`},
		"an element":                    {"text/xml", `<r><o:Password>x</o:Password><code>5000</code><secret/></r>`, `<r><o:Password>REDACTED</o:Password><code>5000</code><secret/></r>`},
		"an input":                      {"text/html", `<input name="state" value="x"><input value='y' name="csrf-token"><input name=code value=wxyz><input name="q" value="z">`, `<input name="state" value="REDACTED"><input value='REDACTED' name="csrf-token"><input name=code value=REDACTED><input name="q" value="z">`},
		"a list of parameters":          {"", `[{"key":"client_secret","value":"x"},{"value":"y","key":"b"}]`, `[{"key":"client_secret","value":"REDACTED"},{"value":"y","key":"b"}]`},
		"a form": {
			"application/x-www-form-urlencoded; charset=utf-8", "grant_type=x&client%5Fsecret=a%26b&code=&state=x&q=a+b%2f&json=%7B%22pin%22%3A%221%22%7D&flag",
			"grant_type=x&client%5Fsecret=REDACTED&code=&state=REDACTED&q=a+b%2f&json=%7B%22pin%22%3A%22REDACTED%22%7D&flag",
		},
		"JSON that is said to be a form": {"application/x-www-form-urlencoded", `{"client_secret":"a&b"}`, `{"client_secret":"REDACTED"}`},
		"a form that is said to be JSON": {"application/json", "a=b&client_secret=x%20y&c=d", "a=b&client_secret=REDACTED&c=d"},
		"a multipart form":               {"multipart/form-data; boundary=a", "--a", "REDACTED"},
		"what is no text":                {"", "a\x00b", "REDACTED"},
		"a text without anything":        {"text/html", "<h1>Bad gateway</h1>\n<p class=\"a\">it's \xff 502</p>", "<h1>Bad gateway</h1>\n<p class=\"a\">it's \xff 502</p>"},
		"blanks":                         {"application/x-www-form-urlencoded", " \n", " \n"},
	} {
		t.Run(name, func(t *testing.T) {
			var r redact.Redactor
			if diff := cmp.Diff(c.want, string(r.Body(t.Context(), c.contentType, []byte(c.body)))); diff != "" {
				t.Errorf("redacted (-want +got):\n%s", diff)
			}
		})
	}
}

func TestURLsWithoutSecrets(t *testing.T) {
	for address, want := range map[string]string{
		"https://api.example/a?b=c%20d&Access-Token=x&code=y&sig=z": "https://api.example/a?b=c%20d&Access-Token=REDACTED&code=REDACTED&sig=REDACTED",
		"https://user:word@api.example/a@b":                         "https://REDACTED@api.example/a@b",
		"https://api.example/cards/4111111111111111?a":              "https://api.example/cards/REDACTED?a",
		"/callback#state=x&a=b":                                     "/callback#state=REDACTED&a=b",
		"https://api.example/?next=%2Fa%3Ftoken%3Dxyzw":             "https://api.example/?next=%2Fa%3Ftoken%3DREDACTED",
		"https://api.example/orders?state=open&code=de":             "https://api.example/orders?state=REDACTED&code=REDACTED",
		"https://api.example/orders?state=open&country_code=de":     "https://api.example/orders?state=open&country_code=de",
		"": "",
	} {
		if got := (redact.Redactor{}).URL(address); got != want {
			t.Errorf("%s: got %s want %s", address, got, want)
		}
	}
}

func TestHeadersWithoutSecrets(t *testing.T) {
	h := http.Header{
		"Authorization": {"Bearer x"}, "Apikey": {"x"}, "X-Api-Key": {"x"}, "Set-Cookie": {"a=x", "b=y"}, "X-Csrf-Token": {""},
		"Content-Type": {"application/json"}, "Location": {"https://api.example/?code=x-1&a=b"}, "X-Note": {"card 4111111111111111"},
		"Www-Authenticate": {`Bearer error="invalid_token"`},
	}
	before := h.Clone()
	want := http.Header{
		"Authorization": {"REDACTED"}, "Apikey": {"REDACTED"}, "X-Api-Key": {"REDACTED"}, "Set-Cookie": {"REDACTED", "REDACTED"}, "X-Csrf-Token": {""},
		"Content-Type": {"application/json"}, "Location": {"https://api.example/?code=REDACTED&a=b"}, "X-Note": {"card REDACTED"},
		"Www-Authenticate": {`Bearer error="invalid_token"`},
	}
	if diff := cmp.Diff(want, (redact.Redactor{}).Header(h)); diff != "" {
		t.Errorf("redacted (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(before, h); diff != "" {
		t.Errorf("the header itself was changed:\n%s", diff)
	}
}

func TestConfiguredNames(t *testing.T) {
	r := redact.New([]string{"Bank_Account", ""}, nil)
	if got, want := string(r.Body(t.Context(), "", []byte(`{"bankAccount":"x","account":"a","":"b"}`))), `{"bankAccount":"REDACTED","account":"a","":"b"}`; got != want {
		t.Errorf("got %s want %s", got, want)
	}
	if got, want := r.URL("/?bank-account=x"), "/?bank-account=REDACTED"; got != want {
		t.Errorf("got %s want %s", got, want)
	}
	if got := r.Header(http.Header{"Bank-Account": {"x"}}).Get("Bank-Account"); got != "REDACTED" {
		t.Errorf("got %s in the header", got)
	}
}

const canary = "kanarienvogel"

// hidden are names whose values are secret.
var hidden = []string{"access_token", "refreshToken", "CLIENT-SECRET", "password", "apikey", "CardPAN", "PAN", "card_number"}

// FuzzRedactor hides a canary in a JSON document, whole and cut off anywhere, in a form
// and in a query, with anything around it.
func FuzzRedactor(f *testing.F) {
	f.Add("a", "b", "x", "y", uint8(0), 30)
	f.Add(`quote "`, `back \`, `"}`, `&;=<>'`, uint8(3), 70)
	f.Add("\u2028\x00\xff", `{"a":"b`, "\\\"", "4111111111111111", uint8(7), 100)
	f.Fuzz(func(t *testing.T, before, after, left, right string, which uint8, cut int) {
		var r redact.Redactor
		name, value := hidden[int(which)%len(hidden)], left+canary+right
		document, err := json.Marshal([]any{before, map[string]any{"a": before, name: value, "z": map[string]any{"echo": after, name: []string{value}}}, after})
		if err != nil {
			t.Fatal(err)
		}
		embedded, err := json.Marshal(map[string]any{"a": before, "echo": string(document), "z": after})
		if err != nil {
			t.Fatal(err)
		}
		for _, any := range []string{before, after, left, right} {
			if shown := r.Body(t.Context(), "", []byte(any)); json.Valid([]byte(any)) && !json.Valid(shown) {
				t.Errorf("%s became %s, which is not JSON", any, shown)
			}
		}
		for _, body := range [][]byte{document, embedded} {
			whole := r.Body(t.Context(), "application/json", body)
			if !json.Valid(whole) {
				t.Errorf("%s became %s, which is not JSON", body, whole)
			}
			cutOff := body[:min(max(cut, 0), len(body))]
			for _, shown := range [][]byte{whole, r.Body(t.Context(), "application/json", cutOff), r.Body(t.Context(), "text/html", append([]byte(`"`), cutOff...))} {
				if strings.Contains(string(shown), canary) {
					t.Errorf("the canary of %s is in %s", body, shown)
				}
			}
		}
		form := url.Values{"a": {before}, name: {value}, "z": {after}}.Encode()
		for _, shown := range []string{
			string(r.Body(t.Context(), "application/x-www-form-urlencoded", []byte(form))), string(r.Body(t.Context(), "application/json", []byte(form))), r.URL("/?" + form),
		} {
			if strings.Contains(shown, canary) {
				t.Errorf("the canary of %s is in %s", form, shown)
			}
		}
	})
}

// BenchmarkRedactor redacts as much as is kept, the usual and what is meant to take long.
func BenchmarkRedactor(b *testing.B) {
	for name, part := range map[string]string{
		"orders": `{"supplierOrderNumber":{"documentId":"1234567890"},"note":"as \"agreed\""},`,
		"lines":  "a:", "ids": "id=", "values": "value=", "marks": `value='value="`, "objects": `{"a":`, "names": `{"name":`,
		"strings": `\"`, "digits": "4111 ", "minus": "[-1", "elements": "<a>", "entities": "id=&quot;",
	} {
		b.Run(name, func(b *testing.B) {
			body := []byte(strings.Repeat(part, 64<<10/len(part)))
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				(redact.Redactor{}).Body(b.Context(), "application/json", body)
			}
		})
	}
}
