package web_test

import (
	"strings"
	"testing"

	"orderbeat/worker/web"
)

func TestInvalidRedirectURIs(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ uri, says string }{
		"a path of one's own":                  {"https://dms.example/oauth/code", ""},
		"a path of one's own that ends so":     {"https://dms.example/oauth/code/", ""},
		"a path and a query":                   {"https://dms.example/oauth/code?from=orderbeat", ""},
		"what the listener would say":          {"https://dms.example/oauth/callback/mazda", ""},
		"the callback of an unknown provider":  {"https://dms.example/oauth/callback/dms", ""},
		"another provider's callback":          {"https://dms.example/oauth/callback/shell", "/oauth/callback/shell is the callback of provider shell"},
		"another provider's redirect URI":      {"https://dms.example/taken", "provider acceptance already uses /taken"},
		"its path at another host":             {"https://127.0.0.1:8080/taken?x=1", "provider acceptance already uses /taken"},
		"no path":                              {"https://dms.example", "/ is one of the web listener's own pages"},
		"the first page":                       {"https://dms.example/", "/ is one of the web listener's own pages"},
		"the page of health":                   {"https://dms.example/healthz", "/healthz is one of the web listener's own pages"},
		"the page of readiness":                {"https://dms.example/readyz", "/readyz is one of the web listener's own pages"},
		"the page of metrics":                  {"https://dms.example/metrics", "/metrics is one of the web listener's own pages"},
		"a page where users begin":             {"https://dms.example/oauth/start/mazda", "/oauth/start/mazda is one of the web listener's own pages"},
		"something below it":                   {"https://dms.example/oauth/start/", "/oauth/start/ is one of the web listener's own pages"},
		"braces, which are a pattern's":        {"https://dms.example/oauth/{code}", "without braces"},
		"braces that are escaped":              {"https://dms.example/oauth/%7Bcode%7D", "without braces"},
		"a blank, which ends a pattern's verb": {"https://dms.example/oauth%20code", "spaces"},
		"two slashes":                          {"https://dms.example//oauth/code", `without "//"`},
		"a way up":                             {"https://dms.example/oauth/../code", `without "//"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := web.CheckRedirects(map[string]string{"acceptance": "https://dms.example/taken", "mazda": test.uri, "shell": ""})
			reason, wrong := got["mazda"]
			if wrong != (test.says != "") || !strings.Contains(reason, test.says) || len(got) > 1 {
				t.Errorf("got %q, want %q about mazda alone", got, test.says)
			}
		})
	}
}
