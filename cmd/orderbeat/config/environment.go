package config

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"orderbeat/auth/secret"

	"orderbeat/cmd/orderbeat/config/tomlfile"
)

// variablePrefix is the prefix of variables that set a key: ORDERBEAT_DB_PATH sets db.path. A
// variable overrides the file; a flag overrides both.
const variablePrefix = "ORDERBEAT_"

// notKeys are variables with this prefix that set no key.
var notKeys = []string{"ORDERBEAT_CONFIG"}

// variable is a key that an environment variable can set.
type variable struct {
	key    string // "db.path"
	kind   reflect.Type
	secret bool // cannot be set by a variable: the file refers to secrets
}

// variables returns all variables by name: the keys of the fixed sections with a single value.
func variables() map[string]variable {
	found := map[string]variable{}
	eachKey(reflect.New(reflect.TypeFor[file]()).Elem(), "", func(key string, v reflect.Value) {
		if kind := v.Kind(); kind != reflect.Map && kind != reflect.Slice {
			_, secret := reflect.TypeAssert[secret.Secret](v)
			found[variableOf(key)] = variable{key, v.Type(), secret}
		}
	})
	return found
}

// variableOf returns the name of the variable that sets a key.
func variableOf(key string) string {
	return variablePrefix + strings.ToUpper(strings.ReplaceAll(key, ".", "_"))
}

// value converts a variable's text to the TOML value that its key expects.
func (v variable) value(text string) any {
	switch {
	case v.kind == reflect.TypeFor[time.Duration]():
	case v.kind.Kind() == reflect.Int || v.kind.Kind() == reflect.Int64:
		if n, err := strconv.ParseInt(text, 10, 64); err == nil {
			return n
		}
	case v.kind.Kind() == reflect.Bool:
		if text == "true" || text == "false" {
			return text == "true"
		}
	}
	return text // if invalid, the binder reports what is expected
}

// environment overrides the document's values with environment variables. Errors about such a
// value name the variable.
func (l *loader) environment(getenv func(string) string) {
	all := variables()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		v, text := all[name], getenv(name)
		if text == "" || v.secret || l.config.asSecret[name] { // the file refers to it as a secret
			continue
		}
		l.origins[v.key] = origin{doc: &tomlfile.Document{Name: name}, path: v.key}
		section, _, _ := strings.Cut(v.key, ".")
		if _, ok := l.doc.Values[section]; !ok && section == "sandbox" {
			l.add(v.key, "has no effect: the file has no section [sandbox]")
			continue
		}
		put(l.doc.Values, strings.Split(v.key, "."), v.value(text))
	}
}

// put sets a value in nested tables. A value that is not a table stays: the binder reports it.
func put(table map[string]any, path []string, value any) {
	for _, name := range path[:len(path)-1] {
		if table[name] == nil {
			table[name] = map[string]any{}
		}
		next, ok := table[name].(map[string]any)
		if !ok {
			return
		}
		table = next
	}
	table[path[len(path)-1]] = value
}

// UnknownVariables returns a warning for each variable of an environment that has the prefix
// but sets no key, unless the file refers to it as a secret.
func (c *Config) UnknownVariables(environ []string) (notices []string) {
	known := variables()
	names := slices.Concat(slices.Sorted(maps.Keys(known)), notKeys)
	for _, entry := range environ {
		name, _, _ := strings.Cut(entry, "=")
		if !strings.HasPrefix(name, variablePrefix) || slices.Contains(names, name) && !known[name].secret || c.asSecret[name] {
			continue
		}
		text := fmt.Sprintf("the environment variable %.80q sets no key", name)
		if v := known[name]; v.secret {
			text += fmt.Sprintf(`: write %s = "env:%s" into the file`, v.key, name)
		} else if like := tomlfile.Nearest(name, names); like != "" {
			text += fmt.Sprintf("; did you mean %q?", like)
		}
		notices = append(notices, text)
	}
	slices.Sort(notices)
	return notices
}
