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
	apply = append(apply, differences("schedules: ", before.Schedules, c.Schedules, func(s Schedule) string { return s.Name }, func(a, b Schedule) string {
		return unlessEqual(a.Schedule, b.Schedule)
	})...)
	return append(apply, differences("notify: ", before.Notify, c.Notify, func(t notifier.Target) string { return t.Name }, unlessEqual)...), restart
}

// Same reports whether a section is unchanged, including the secrets and files that it refers to.
func (p Provider) Same(before Provider) bool { return maps.Equal(p.keys, before.keys) }

// changed returns which keys of a section differ, "" if none.
func (p Provider) changed(before Provider) string {
	all := maps.Clone(p.keys)
	maps.Copy(all, before.keys)
	maps.DeleteFunc(all, func(key, _ string) bool { return p.keys[key] == before.keys[key] })
	if len(all) == 0 {
		return ""
	}
	return "changed (" + strings.Join(slices.Sorted(maps.Keys(all)), ", ") + ")"
}

func unlessEqual[T any](a, b T) string {
	if reflect.DeepEqual(a, b) {
		return ""
	}
	return "changed"
}

// differences describes the elements of a list that were added, changed or removed. changed returns how two
// elements differ, "" if they do not.
func differences[T any](prefix string, before, after []T, name func(T) string, changed func(a, b T) string) (list []string) {
	for _, a := range after {
		i := slices.IndexFunc(before, func(b T) bool { return name(b) == name(a) })
		what := "added"
		if i >= 0 {
			what = changed(a, before[i])
		}
		if what != "" {
			list = append(list, prefix+name(a)+": "+what)
		}
	}
	for _, b := range before {
		if !slices.ContainsFunc(after, func(a T) bool { return name(a) == name(b) }) {
			list = append(list, prefix+name(b)+": removed")
		}
	}
	return list
}

// keysOf returns the values of the keys of the fixed sections.
func keysOf(f *file) map[string]any {
	found := map[string]any{}
	eachKey(reflect.ValueOf(f).Elem(), "", func(key string, v reflect.Value) { found[key] = v.Interface() })
	for _, list := range []string{"providers", "schedules", "notify"} {
		delete(found, list)
	}
	return found
}

// eachKey calls do for every key of a struct and of the sections nested in it.
func eachKey(v reflect.Value, path string, do func(key string, v reflect.Value)) {
	for _, f := range tagged(v.Type()) {
		value, key := v.FieldByIndex(f.index), tomlfile.Key(path, f.key)
		switch value.Addr().Interface().(type) {
		case *secret.Secret, reader, encoding.TextUnmarshaler:
		default:
			if value.Kind() == reflect.Struct {
				eachKey(value, key, do)
				continue
			}
		}
		do(key, value)
	}
}

// eachText calls do for every string in a TOML value, in the order of the keys.
func eachText(value any, do func(text string)) {
	switch v := value.(type) {
	case string:
		do(v)
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			eachText(v[key], do)
		}
	case []any:
		for _, inner := range v {
			eachText(inner, do)
		}
	}
}

// fingerprint returns a hash of a TOML value and of the secrets that it refers to.
func (l *loader) fingerprint(value any) string {
	h := sha256.New()
	text, err := json.Marshal(value)
	if err != nil { // NaN or an infinity, which JSON cannot represent
		text = fmt.Appendf(nil, "%v", value)
	}
	h.Write(text)
	eachText(value, func(text string) {
		if isReference(text) && !l.secrets.blind {
			if s, err := l.secrets.resolve(text); err == nil {
				fmt.Fprintf(h, "%q", s.Reveal())
			}
		}
	})
	return hex.EncodeToString(h.Sum(nil))
}

// contents returns a hash of the contents of files.
func contents(paths ...string) string {
	h := sha256.New()
	for _, path := range paths {
		text, _ := os.ReadFile(path) // an error is reported when the section is checked
		fmt.Fprintf(h, "%q", text)
	}
	return hex.EncodeToString(h.Sum(nil))
}
