package httpapi_test

import (
	"net/http"
	"strings"
	"testing"

	"orderbeat/clients/exchange"
	"orderbeat/clients/redact"
	"orderbeat/clients/section"
)

func TestPathsAreRedacted(t *testing.T) {
	keeping := section.ExchangeKeys{Hide: []string{"orders.Consignee_Name", "orders.*.phone", "driver", "a.b", "a.b.c", "x.y.z", "x.y"}}
	for name, c := range map[string]struct{ body, want string }{
		"through lists, whatever the value is": {
			`{"orders": [ {"consigneeName":"Jo", "id":1}, {"consigneeName" : {"first":"Jo"} ,"id":2}]}`,
			`{"orders": [ {"consigneeName":"REDACTED", "id":1}, {"consigneeName" : "REDACTED" ,"id":2}]}`,
		},
		"below any name":          {`{"orders":[{"billTo":{"phone":1,"city":"Ulm"},"shipTo":[{"phone":[2]}],"phone":3}]}`, `{"orders":[{"billTo":{"phone":"REDACTED","city":"Ulm"},"shipTo":[{"phone":"REDACTED"}],"phone":3}]}`},
		"on the top":              {`[{"driver":"Jo","trip":{"driver":"Flo"}}]`, `[{"driver":"REDACTED","trip":{"driver":"Flo"}}]`},
		"the shorter of two":      {`{"a":{"b":{"c":1,"d":2}},"x":{"y":{"z":1,"d":2}}}`, `{"a":{"b":"REDACTED"},"x":{"y":"REDACTED"}}`},
		"nothing that is none":    {`{"driver":null,"orders":null}`, `{"driver":null,"orders":null}`},
		"beside what is secret":   {`{"driver":"Jo","password":"x","n":1.0}`, `{"driver":"REDACTED","password":"REDACTED","n":1.0}`},
		"their names in no JSON":  {`{"driver":"Jo", "a":{"b": "x"},`, `{"driver":"REDACTED", "a":{"b": "REDACTED"},`},
		"their names behind JSON": {`{} {"driver":"Jo"}`, `{} {"driver":"REDACTED"}`},
		"their names in HTML":     {`<p>driver=Jo</p>`, `<p>driver=REDACTED</p>`},
	} {
		t.Run(name, func(t *testing.T) {
			if got := string(keeping.Redactor().Body(t.Context(), "application/json", []byte(c.body))); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
	r := keeping.Redactor("own")
	if got := r.URL("/orders?driver=Jo&phone=1&own=2"); got != "/orders?driver=REDACTED&phone=1&own=REDACTED" {
		t.Errorf("got %s", got)
	}
	if got := string(r.Body(t.Context(), "application/x-www-form-urlencoded", []byte("driver=Jo&phone=1"))); got != "driver=REDACTED&phone=REDACTED" {
		t.Errorf("got the form %s", got)
	}
}

func TestRecordingPolicyIsValidated(t *testing.T) {
	for _, c := range []struct {
		keeping section.ExchangeKeys
		want    string
	}{
		{section.ExchangeKeys{}, ""},
		{section.ExchangeKeys{Exchanges: exchange.Off, Hide: []string{"a.*.b-c", "*"}}, ""},
		{section.ExchangeKeys{Exchanges: "all"}, `exchanges: must be "full", "metadata" or "off", not "all"`},
		{section.ExchangeKeys{Hide: []string{"a", "$.a"}}, `hide: "$.a" (number 2) is not a path`},
		{section.ExchangeKeys{Hide: []string{"a..b"}}, `hide: "a..b" (number 1) is not a path`},
		{section.ExchangeKeys{Hide: []string{"orders[0].a"}}, `is not a path`},
		{section.ExchangeKeys{Hide: []string{""}}, `is not a path`},
	} {
		var wrong section.Errors
		c.keeping.CheckExchanges(&wrong)
		if err := wrong.Err(); (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: got %v, want %q", c.keeping, err, c.want)
		}
	}
}

func TestCursorIsNoSecret(t *testing.T) {
	const body = `{"nextToken":"a","next_page_token":"b","continuationToken":"c","token":"REDACTED"}`
	if got := string((redact.Redactor{}).Body(t.Context(), "", []byte(strings.Replace(body, "REDACTED", "x", 1)))); got != body {
		t.Errorf("got %s", got)
	}
	h := http.Header{"X-Next-Page-Token": {"a"}, "X-Session-Token": {"b"}}
	if got := (redact.Redactor{}).Header(h); got.Get("X-Next-Page-Token") != "a" || got.Get("X-Session-Token") != "REDACTED" {
		t.Errorf("got %v", got)
	}
}
