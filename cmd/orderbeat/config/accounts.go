package config

import (
	"math"
	"strings"
	"time"
	"unicode/utf8"

	"orderbeat/auth/secret"

	"orderbeat/clients"
	"orderbeat/cmd/orderbeat/config/tomlfile"
)

// maxName bounds names, in characters.
const maxName = 64

// accounts checks the names of a provider's accounts, which identify them in tables and
// subjects, and their params, and loads their time zones.
func (l *loader) accounts(path string, accounts []clients.Account) {
	seen := map[string]string{}
	for i := range accounts {
		a, at := &accounts[i], tomlfile.Index(path, i)
		first, taken := seen[a.Name]
		switch {
		case strings.TrimSpace(a.Name) == "":
			l.add(at+".name", "is missing")
		case utf8.RuneCountInString(a.Name) > maxName:
			l.add(at+".name", "is longer than %d characters", maxName)
		case taken:
			l.add(at+".name", "%q is the name of %s already", a.Name, first)
		}
		seen[a.Name] = at
		a.Location = l.zone(at+".timezone", a.Timezone)
		l.accountParams(at+".params", a.Params)
	}
}

// accountParams checks that templates can render each value.
func (l *loader) accountParams(path string, params map[string]any) {
	for key, value := range params {
		switch v := value.(type) {
		case string, bool, int64, secret.Secret:
			continue
		case float64:
			if !math.IsNaN(v) && !math.IsInf(v, 0) {
				continue
			}
		}
		l.wrong(tomlfile.Key(path, key), value, "a text, a number, true or false")
	}
}

// zone loads a time zone by its IANA name; "" is UTC.
func (l *loader) zone(key, name string) *time.Location {
	zone, err := time.LoadLocation(name)
	if err != nil || name == "Local" {
		l.add(key, `%.60q is not a time zone: write its IANA name, like "America/Detroit"`, name)
		return time.UTC
	}
	return zone
}
