package config_test

import (
	"strings"
	"testing"

	"orderbeat/cmd/orderbeat/config"
)

func TestCollidingRedirectURIs(t *testing.T) {
	section := func(name, uri string) string {
		return `[providers.` + name + `]
kind = "mazda"
environment = "test"
client_id = "env:SAMPLE"
client_secret = "env:SAMPLE"
redirect_uri = "` + uri + `"
[[providers.` + name + `.accounts]]
name = "one"
user = "johndoe"
org = "10030/MMD"
`
	}
	for _, test := range []struct{ name, first, second, want string }{
		{"two of one's own", "https://dms.example/one", "https://dms.example/two", ""},
		{"the same twice", "https://dms.example/one", "https://dms.example/one", "16:1: providers.south.redirect_uri: must have another path: provider north already uses /one"},
		{"the other's callback", "https://dms.example/oauth/callback/south", "https://dms.example/two", "6:1: providers.north.redirect_uri: must have another path: /oauth/callback/south is"},
		{"the listener's own page", "https://dms.example/one", "https://dms.example/metrics", "16:1: providers.south.redirect_uri: must have another path: /metrics is"},
		{"a pattern", "https://dms.example/{one}", "https://dms.example/two", "6:1: providers.north.redirect_uri: must have a path without braces"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := config.Load(write(t, section("north", test.first)+section("south", test.second)), declaredKinds, env("SAMPLE", "sample"))
			if test.want == "" && err == nil {
				return
			}
			if err == nil || test.want == "" || !strings.Contains(err.Error(), "config.toml:"+test.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("got %v, want %q alone", err, test.want)
			}
		})
	}
}
