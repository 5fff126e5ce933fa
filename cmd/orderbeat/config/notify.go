package config

import (
	"maps"
	"slices"
	"strings"

	"orderbeat/auth/secret"
	"orderbeat/clients"
	"orderbeat/cmd/orderbeat/config/tomlfile"
	"orderbeat/db/alerts"
	"orderbeat/worker/notifier"
)

// maxTargets is the maximum number of notification targets.
const maxTargets = 50

// notifySection is a [[notify]] section before it is checked.
type notifySection struct {
	// Name of the target: letters, digits, - and _.
	Name string `toml:"name,required"`
	// URL of the service, for example smtp://, slack://, generic+https://.
	URL secret.Secret `toml:"url,required"`
	// Codes of the alerts that are sent. Default: all.
	Codes []string `toml:"codes"`
	// Providers of the alerts that are sent. Default: all.
	Providers []string `toml:"providers"`
}

func (l *loader) notify() {
	if n := len(l.file.Notify); n > maxTargets {
		l.add("notify", "want at most %d targets, got %d", maxTargets, n)
	}
	seen := map[string]string{}
	for i, s := range l.file.Notify {
		path := tomlfile.Index("notify", i)
		l.distinct(seen, path, s.Name)
		l.config.Notify = append(l.config.Notify, l.target(path, s))
	}
}

// distinct reports a name that an earlier element has already. seen maps names to the paths of their elements.
func (l *loader) distinct(seen map[string]string, path, name string) {
	if first, taken := seen[name]; taken && name != "" {
		l.add(path+".name", "%.80q is already the name of %s", name, first)
	}
	seen[name] = path
}

func (l *loader) target(path string, s notifySection) notifier.Target {
	if !isToken(s.Name) || len(s.Name) > maxName {
		l.add(path+".name", "want 1 to %d letters, digits, - and _", maxName)
	}
	t := notifier.Target{Name: s.Name, URL: s.URL, Providers: s.Providers}
	if !s.URL.Empty() && !l.secrets.blind {
		sender, err := notifier.Open(s.URL)
		if err != nil {
			l.add(path+".url", "%v", err)
		} else {
			l.config.Mask.Add(sender.Secrets()...)
		}
	}
	for i, code := range s.Codes {
		t.Codes = append(t.Codes, clients.Code(code))
		if !slices.Contains(alerts.Codes, clients.Code(code)) {
			l.add(tomlfile.Index(path+".codes", i), "%.40q is not an alert code; known codes: %s", code, joined(alerts.Codes))
		}
	}
	for i, provider := range s.Providers {
		if _, ok := l.file.Providers[provider]; !ok {
			l.add(tomlfile.Index(path+".providers", i), "%.80q is not configured; configured: %s",
				provider, strings.Join(slices.Sorted(maps.Keys(l.file.Providers)), ", "))
		}
	}
	return t
}

func joined(codes []clients.Code) string {
	texts := make([]string, len(codes))
	for i, c := range codes {
		texts[i] = string(c)
	}
	return strings.Join(texts, ", ")
}
