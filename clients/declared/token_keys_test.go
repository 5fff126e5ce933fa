package declared_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/andybalholm/brotli"
	"golang.org/x/text/encoding/unicode"

	"orderbeat/clients/declared"
)

const tokenHead = "[environments.sandbox]\ntoken = \"/token\"\n[orders]\npath = \"/orders\"\nmap = '.orders[] | {order_id: .id}'\n"

func TestExtraTokenParameters(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		ok   func(r *http.Request) bool
		body string
	}{
		"parameters": {"token_params = { audience = \"https://api\", resource = \"r\" }\n", func(r *http.Request) bool {
			return r.PostFormValue("audience") == "https://api" && r.PostFormValue("resource") == "r"
		}, `{"access_token":"t","token_type":"Bearer"}`},
		"headers":             {"token_headers = { X-Tenant = \"acme\" }\n", func(r *http.Request) bool { return r.Header.Get("X-Tenant") == "acme" }, `{"access_token":"t","token_type":"Bearer"}`},
		"a query in its URL":  {"", func(r *http.Request) bool { return r.URL.RawQuery == "tenant=acme" }, `{"access_token":"t"}`},
		"another type":        {"token_type = \"JWT\"\n", func(*http.Request) bool { return true }, `{"access_token":"t","token_type":"jwt"}`},
		"BearerToken":         {"token_type = \"BearerToken\"\n", func(*http.Request) bool { return true }, `{"access_token":"t","token_type":"BearerToken"}`},
		"the token elsewhere": {"token_field = \"data.access_token\"\n", func(*http.Request) bool { return true }, `{"data":{"access_token":"t","expires_in":60}}`},
	} {
		t.Run(name, func(t *testing.T) {
			server := answering(t, func(w http.ResponseWriter, r *http.Request) {
				switch {
				case r.URL.Path != "/token":
					if r.Header.Get("Authorization") == "Bearer t" {
						fmt.Fprint(w, `{"orders":[{"id":"1"}]}`)
					}
				default:
					fmt.Fprint(w, c.body)
				}
			})
			text := tokenHead
			if strings.Contains(name, "query") {
				text = strings.Replace(text, `"/token"`, `"/token?tenant=acme"`, 1)
			}
			p := written(t, server.URL, c.text+text)
			answer, err := p.Orders(t.Context(), window())
			if err != nil || len(answer.Orders) != 1 {
				t.Errorf("got %v and %v, want the order", ids(answer), err)
			}
			first := server.asked()[0]
			for _, part := range map[string][]string{"parameters": {"audience=https%3A%2F%2Fapi", "resource=r"}, "a query in its URL": {"/token?tenant=acme"}}[name] {
				if !strings.Contains(first, part) {
					t.Errorf("asked %s, want %s in it", first, part)
				}
			}
		})
	}
	for text, want := range map[string]string{
		"token_params = { grant_type = \"x\" }\n":     "token_params.grant_type",
		"token_headers = { Authorization = \"x\" }\n": "token_headers.Authorization",
		"token_params = { audience = 7 }\n":           "token_params.audience",
	} {
		s := writtenSection(t, "http://127.0.0.1:1", text+tokenHead)
		if _, err := declared.Open(s); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s told", err, want)
		}
	}
}

// Token endpoints send what other servers do.
func TestTokenResponseIsReadInEveryEncoding(t *testing.T) {
	const body = `{"access_token":"t","token_type":"Bearer"}`
	var br bytes.Buffer
	w := brotli.NewWriter(&br)
	_, _ = io.WriteString(w, body)
	_ = w.Close()
	utf16, err := unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewEncoder().String(body)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ encoding, body string }{
		"gzip that is not": {"gzip", body},
		"br":               {"br", br.String()},
		"UTF-16":           {"", utf16},
		"a BOM and a lie":  {"deflate", "\ufeff" + body},
	} {
		t.Run(name, func(t *testing.T) {
			server := answering(t, func(w http.ResponseWriter, r *http.Request) {
				switch {
				case r.URL.Path == "/token":
					w.Header().Set("Content-Encoding", c.encoding)
					_, _ = io.WriteString(w, c.body)
				case r.Header.Get("Authorization") == "Bearer t":
					fmt.Fprint(w, `{"orders":[{"id":"1"}]}`)
				default:
					w.WriteHeader(http.StatusUnauthorized)
				}
			})
			answer, err := written(t, server.URL, tokenHead).Orders(t.Context(), window())
			if err != nil || len(answer.Orders) != 1 {
				t.Errorf("got %v and %v, want the order", ids(answer), err)
			}
		})
	}
}
