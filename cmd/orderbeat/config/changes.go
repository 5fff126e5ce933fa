package config

import (
	"crypto/sha256"
	"encoding"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"

	"orderbeat/auth/secret"
	"orderbeat/cmd/orderbeat/config/tomlfile"
	"orderbeat/worker/notifier"
)

// applied are the keys of the fixed sections that a reload applies. All others take effect after a
// restart.
var applied = []string{"db.retention", "log.level", "worker.concurrency", "worker.queue_alert"}

// Changes describes what is different from an earlier configuration: what a reload applies, and the
// keys that take effect after a restart.
func (c *Config) Changes(before *Config) (apply, restart []string) {
	apply, restart = []string{}, []string{}
	for _, key := range slices.Sorted(maps.Keys(c.keys)) {
		if reflect.DeepEqual(c.keys[key], before.keys[key]) {
			continue
		}
		if slices.ContainsFunc(applied, func(a string) bool { return key == a || strings.HasPrefix(key, a+".") }) {
			apply = append(apply, key+": changed")
		} else {
			restart = append(restart, key)
		}
	}
	if (c.Sandbox == nil) != (before.Sandbox == nil) {
		restart = append(restart, "sandbox")
	}
	apply = append(apply, differences("providers.", before.Providers, c.Providers, func(p Provider) string { return p.Name }, Provider.changed)...)
	same := func(a, b Schedule) []string { return unless(reflect.DeepEqual(a.Schedule, b.Schedule)) }
	apply = append(apply, differences("schedules: ", before.Schedules, c.Schedules, func(s Schedule) string { return s.Name }, same)...)
	equal := func(a, b notifier.Target) []string { return unless(reflect.DeepEqual(a, b)) }
	return append(apply, differences("notify: ", before.Notify, c.Notify, func(t notifier.Target) string { return t.Name }, equal)...), restart
}

// Same reports whether a section is unchanged, with all that it refers to.
func (p Provider) Same(before Provider) bool { return maps.Equal(p.keys, before.keys) }

// changed lists the keys of a section that differ.
func (p Provider) changed(before Provider) (keys []string) {
	all := maps.Clone(p.keys)
	maps.Copy(all, before.keys)
	for _, key := range slices.Sorted(maps.Keys(all)) {
		if p.keys[key] != before.keys[key] {
			keys = append(keys, key)
		}
	}
	return keys
}

// unless is not empty if two values differ.
func unless(equal bool) []string {
	if equal {
		return nil
	}
	return []string{""}
}

// differences describes the elements of a list that were added, changed or removed. changed lists the
// keys that differ.
func differences[T any](prefix string, before, after []T, name func(T) string, changed func(a, b T) []string) (list []string) {
	for _, a := range after {
		i := slices.IndexFunc(before, func(b T) bool { return name(b) == name(a) })
		if i < 0 {
			list = append(list, prefix+name(a)+": added")
			continue
		}
		if keys := changed(a, before[i]); len(keys) > 0 {
			text := prefix + name(a) + ": changed"
			if keys[0] != "" {
				text += " (" + strings.Join(keys, ", ") + ")"
			}
			list = append(list, text)
		}
	}
	for _, b := range before {
		if !slices.ContainsFunc(after, func(a T) bool { return name(a) == name(b) }) {
			list = append(list, prefix+name(b)+": removed")
		}
	}
	return list
}

// keysOf are the values of the keys of the fixed sections.
func keysOf(f *file) map[string]any {
	found := map[string]any{}
	collectKeys(reflect.ValueOf(f).Elem(), "", found)
	for _, list := range []string{"providers", "schedules", "notify"} {
		delete(found, list)
	}
	return found
}

func collectKeys(v reflect.Value, path string, found map[string]any) {
	for _, f := range tagged(v.Type()) {
		value, key := v.FieldByIndex(f.index), tomlfile.Key(path, f.key)
		switch value.Addr().Interface().(type) {
		case *secret.Secret, reader, encoding.TextUnmarshaler:
		default:
			if value.Kind() == reflect.Struct {
				collectKeys(value, key, found)
				continue
			}
		}
		found[key] = value.Interface()
	}
}

// fingerprint identifies a TOML value and the secrets that it refers to.
func (l *loader) fingerprint(value any) string {
	h := sha256.New()
	text, err := json.Marshal(value)
	if err != nil { // a number that JSON has not
		text = fmt.Appendf(nil, "%v", value)
	}
	h.Write(text)
	var walk func(value any)
	walk = func(value any) {
		switch v := value.(type) {
		case string:
			if isReference(v) && !l.secrets.blind {
				if s, err := l.secrets.resolve(v); err == nil {
					fmt.Fprintf(h, "%q", s.Reveal())
				}
			}
		case map[string]any:
			for _, key := range slices.Sorted(maps.Keys(v)) {
				walk(v[key])
			}
		case []any:
			for _, inner := range v {
				walk(inner)
			}
		}
	}
	walk(value)
	return hex.EncodeToString(h.Sum(nil))
}

// contents identifies the contents of files.
func contents(paths ...string) string {
	h := sha256.New()
	for _, path := range paths {
		text, _ := os.ReadFile(path) // an error is reported when the section is checked
		fmt.Fprintf(h, "%q", text)
	}
	return hex.EncodeToString(h.Sum(nil))
}
