package section_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"orderbeat/clients/clienttest"
	"orderbeat/clients/section"
)

func TestCheckReportsAllErrors(t *testing.T) {
	var empty section.Config
	want := []string{"accounts", "concurrency", "max_body", "rate", "retry.attempts", "retry.for", "timeout", "token_rate"}
	if diff := cmp.Diff(want, clienttest.Keys(empty.Check())); diff != "" {
		t.Errorf("keys differ (-want +got):\n%s", diff)
	}
	for fresh, want := range map[time.Duration][]string{0: nil, time.Minute: nil, time.Hour: nil, time.Second: {"fresh_for"}, -time.Hour: {"fresh_for"}} {
		c := clienttest.Section("sample", "http://127.0.0.1:8322").Config
		c.FreshFor = fresh
		if diff := cmp.Diff(want, clienttest.Keys(c.Check())); diff != "" {
			t.Errorf("fresh_for %s: keys differ (-want +got):\n%s", fresh, diff)
		}
	}
	whole := clienttest.Section("sample", "http://127.0.0.1:8322").Config
	if err := whole.Check(); err != nil {
		t.Errorf("a whole section: got %v", err)
	}
}

func TestCheckURL(t *testing.T) {
	for url, allowed := range map[string]struct{ always, insecure bool }{
		"https://api.example":                 {true, true},
		"https://api.example:8443/path":       {true, true},
		"https://127.0.0.1":                   {true, true},
		"http://127.0.0.1:8322":               {false, true},
		"http://127.9.9.9":                    {false, true},
		"http://[::1]:8322":                   {false, true},
		"http://LOCALHOST:8322":               {false, true},
		"http://api.example":                  {false, false},
		"http://10.0.0.1":                     {false, false},
		"http://localhost.example":            {false, false},
		"https://user:canary@api.example":     {false, false},
		"https://api.example?key=canary":      {false, false},
		"https://api.example?":                {false, false},
		"https://api.example#canary":          {false, false},
		"ftp://127.0.0.1":                     {false, false},
		"https:api.example":                   {false, false},
		"https://":                            {false, false},
		"https://:443":                        {false, false},
		"/path":                               {false, false},
		"api.example":                         {false, false},
		"https://api.example/%zz?key=canary":  {false, false},
		"https://api .example/?secret=canary": {false, false},
		"":                                    {false, false},
	} {
		for _, insecure := range []bool{false, true} {
			c := section.Config{AllowInsecureHTTP: insecure}
			err := c.CheckURL("base_url", url)
			if want := allowed.always || insecure && allowed.insecure; (err == nil) != want {
				t.Errorf("%q with allow_insecure_http = %t: got %v, want allowed %t", url, insecure, err, want)
			}
			if e, ok := errors.AsType[*section.ConfigError](err); err != nil && (!ok || e.Key != "base_url" || strings.Contains(e.Message, "canary")) {
				t.Errorf("%q: got %#v, want a ConfigError of base_url that does not repeat it", url, err)
			}
		}
	}
}
