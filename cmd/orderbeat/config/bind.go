package config

import (
	"encoding"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"orderbeat/auth/secret"

	"orderbeat/cmd/orderbeat/config/tomlfile"
	"orderbeat/jobs"
)

// reader is implemented by types that parse their own TOML value.
type reader interface{ readTOML(value any) error }

// binder decodes a document's values into structs by their `toml` tags, keeps defaults, and
// records an error for every key that does not fit. An int64 is a number of bytes and may be
// written "8MB"; a [time.Duration] is written "30s" or "14d".
type binder struct {
	*mistakes
	secrets secrets
}

// table decodes the table at path into the struct dst. Keys in also are allowed but ignored: other
// code decodes them.
func (b *binder) table(path string, values map[string]any, dst reflect.Value, also ...field) {
	known := tagged(dst.Type())
	for key, value := range values {
		i := slices.IndexFunc(known, func(f field) bool { return f.key == key })
		if i < 0 {
			b.add(tomlfile.Key(path, key), "%s", unknown(key, slices.Concat(also, known)))
			continue
		}
		into := dst.FieldByIndex(known[i].index)
		if s, ok := value.(string); ok && known[i].literal && !isReference(s) && !strings.Contains(s, "@") {
			into.Set(reflect.ValueOf(secret.New(s)))
			continue
		}
		if known[i].secrets {
			value = b.resolved(tomlfile.Key(path, key), value)
		}
		b.value(tomlfile.Key(path, key), value, into)
	}
	for _, f := range known {
		if _, ok := values[f.key]; !ok && f.required {
			b.add(tomlfile.Key(path, f.key), "is missing")
		}
	}
}

// resolved returns a value with references to secrets replaced by the secrets.
func (b *binder) resolved(path string, value any) any {
	switch v := value.(type) {
	case string:
		if !isReference(v) {
			return v
		}
		secret, err := b.secrets.resolve(v)
		if err != nil {
			b.add(path, "%v", err)
		}
		return secret
	case map[string]any:
		all := map[string]any{}
		for key, inner := range v {
			all[key] = b.resolved(tomlfile.Key(path, key), inner)
		}
		return all
	case []any:
		all := make([]any, len(v))
		for i := range v {
			all[i] = b.resolved(tomlfile.Index(path, i), v[i])
		}
		return all
	}
	return value
}

// value decodes one value.
func (b *binder) value(path string, value any, dst reflect.Value) {
	switch into := dst.Addr().Interface().(type) {
	case *secret.Secret:
		if s, ok := value.(string); !ok {
			b.add(path, "%s", wantSecret)
		} else if secret, err := b.secrets.resolve(s); err != nil {
			b.add(path, "%v", err)
		} else {
			*into = secret
			if !strings.HasSuffix(path, "client_id") { // client ids are in URLs and are shown
				b.secrets.mask.Add(secret.Reveal())
			}
		}
		return
	case *time.Duration:
		b.text(path, value, `a duration like "30s" or "14d"`, func(s string) (err error) {
			*into, err = jobs.ParseDuration(s)
			return err
		})
		return
	case reader:
		if err := into.readTOML(value); err != nil {
			b.add(path, "%v", err)
		}
		return
	case encoding.TextUnmarshaler:
		b.text(path, value, "a string", func(s string) error { return into.UnmarshalText([]byte(s)) })
		return
	}
	b.kind(path, value, dst)
}

// kind decodes a value into a type that does not implement reader.
func (b *binder) kind(path string, value any, dst reflect.Value) {
	switch dst.Kind() {
	case reflect.String:
		b.text(path, value, "a string in quotes", func(s string) error { dst.SetString(s); return nil })
	case reflect.Bool:
		if v, ok := value.(bool); ok {
			dst.SetBool(v)
		} else {
			b.wrong(path, value, "true or false")
		}
	case reflect.Int:
		if n, ok := value.(int64); ok {
			dst.SetInt(n)
		} else {
			b.wrong(path, value, "a whole number")
		}
	case reflect.Int64:
		if n, err := bytesOf(value); err != nil {
			b.add(path, "%v", err)
		} else {
			dst.SetInt(n)
		}
	case reflect.Struct:
		if values, ok := value.(map[string]any); ok {
			b.table(path, values, dst)
		} else {
			b.wrong(path, value, "a table")
		}
	case reflect.Map: // of any values: its owner decodes it
		if values, ok := value.(map[string]any); ok {
			dst.Set(reflect.ValueOf(values))
		} else {
			b.wrong(path, value, "a table")
		}
	case reflect.Slice:
		b.list(path, value, dst)
	default:
		panic(fmt.Sprintf("config: %s: cannot bind a %s", path, dst.Type()))
	}
}

func (b *binder) list(path string, value any, dst reflect.Value) {
	values, ok := value.([]any)
	if !ok {
		b.wrong(path, value, "a list")
		return
	}
	dst.Set(reflect.MakeSlice(dst.Type(), len(values), len(values)))
	for i, v := range values {
		b.value(tomlfile.Index(path, i), v, dst.Index(i))
	}
}

// text passes a string to set, and records an error if value is not a string.
func (b *binder) text(path string, value any, want string, set func(string) error) {
	s, ok := value.(string)
	if !ok {
		b.wrong(path, value, want)
		return
	}
	if err := set(s); err != nil {
		b.add(path, "%v", err)
	}
}

func (b *binder) wrong(path string, value any, want string) {
	b.add(path, "want %s, got %s", want, describe(value))
}

func describe(value any) string {
	switch v := value.(type) {
	case string:
		return "a string"
	case bool:
		return fmt.Sprint(v)
	case int64, float64:
		return fmt.Sprintf("the number %v", v)
	case map[string]any:
		return "a table"
	case []any:
		return "a list"
	default:
		return "a date or time"
	}
}

// field is one key of a struct.
type field struct {
	key      string
	index    []int
	required bool // `toml:"name,required"`
	secrets  bool // `value:"secrets"`: a table that may contain references to secrets
	literal  bool // `value:"literal"`: a secret that may be in the file if it contains no password
}

// tagged lists the keys of a struct and of its embedded structs.
func tagged(t reflect.Type) []field {
	var fields []field
	for _, sf := range reflect.VisibleFields(t) {
		key, option, _ := strings.Cut(sf.Tag.Get("toml"), ",")
		if key == "" || key == "-" {
			continue
		}
		fields = append(fields, field{key: key, index: sf.Index, required: option == "required", literal: sf.Tag.Get("value") == "literal", secrets: sf.Tag.Get("value") == "secrets"})
	}
	return fields
}

// unknown returns the error for an unknown key, with the known ones.
func unknown(key string, known []field) string {
	keys := make([]string, len(known))
	for i, f := range known {
		keys[i] = f.key
	}
	if like := tomlfile.Nearest(key, keys); like != "" {
		return fmt.Sprintf("unknown key; did you mean %q? known: %s", like, strings.Join(keys, ", "))
	}
	return "unknown key; known: " + strings.Join(keys, ", ")
}

// bytesOf parses a number of bytes: 1024, "64KB", "8MB", "1GB" (steps of 1024).
func bytesOf(value any) (int64, error) {
	if n, ok := value.(int64); ok && n >= 0 {
		return n, nil
	}
	s, ok := value.(string)
	if !ok {
		return 0, fmt.Errorf(`want a number of bytes like "8MB", got %s`, describe(value))
	}
	number := strings.TrimRight(s, "BKMG")
	step := map[string]int64{"B": 1, "KB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30}[s[len(number):]]
	n, err := strconv.ParseInt(strings.TrimSpace(number), 10, 64)
	if err != nil || n < 0 || step == 0 || n > math.MaxInt64/step {
		return 0, fmt.Errorf(`%.40q is not a number of bytes: write it like "64KB" or "8MB"`, s)
	}
	return n * step, nil
}
