package clienttest

import (
	"encoding"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"orderbeat/auth/secret"

	"orderbeat/clients/section"
)

// Keys returns the keys of every [*section.ConfigError] in err, sorted; for any other error it returns
// the error text.
func Keys(err error) (keys []string) {
	type joined interface {
		error
		Unwrap() []error
	}
	if many, ok := errors.AsType[joined](err); ok {
		for _, err := range many.Unwrap() {
			keys = append(keys, Keys(err)...)
		}
	} else if one, ok := errors.AsType[*section.ConfigError](err); ok {
		keys = []string{one.Key}
	} else if err != nil {
		keys = []string{"not a ConfigError: " + err.Error()}
	}
	slices.Sort(keys)
	return keys
}

// Decode returns a [section.Section.Decode] that sets a provider's own keys to values as decoded from a TOML
// document, or values of the field's type. Shared keys are skipped.
func Decode(keys map[string]any) func(into any) error {
	return func(into any) error {
		var wrong section.Errors
		frame := map[string]bool{}
		for _, f := range reflect.VisibleFields(reflect.TypeFor[section.Config]()) {
			frame[f.Tag.Get("toml")] = true
		}
		own := map[string]any{}
		for key, value := range keys {
			if !frame[key] {
				own[key] = value
			}
		}
		set(&wrong, "", reflect.ValueOf(into).Elem(), own)
		return wrong.Err()
	}
}

// set assigns a TOML value.
func set(wrong *section.Errors, path string, dst reflect.Value, value any) {
	v := reflect.ValueOf(value)
	switch values, isTable := value.(map[string]any); {
	case isTable && dst.Kind() == reflect.Struct:
		fields := reflect.VisibleFields(dst.Type())
		for key, value := range values {
			i := slices.IndexFunc(fields, func(f reflect.StructField) bool { return f.Tag.Get("toml") == key })
			if i < 0 {
				wrong.Add(strings.TrimPrefix(path+"."+key, "."), "unknown key")
				continue
			}
			set(wrong, path+"."+key, dst.FieldByIndex(fields[i].Index), value)
		}
	case v.Type() == dst.Type():
		dst.Set(v)
	case dst.Kind() == reflect.Slice:
		dst.Set(reflect.MakeSlice(dst.Type(), v.Len(), v.Len()))
		for i := range v.Len() {
			set(wrong, fmt.Sprintf("%s[%d]", path, i), dst.Index(i), v.Index(i).Interface())
		}
	case dst.Type() == reflect.TypeFor[secret.Secret]():
		dst.Set(reflect.ValueOf(secret.New(v.String())))
	case dst.Type() == reflect.TypeFor[time.Duration]():
		d, err := time.ParseDuration(v.String())
		wrong.Join(err)
		dst.SetInt(int64(d))
	case dst.CanAddr() && dst.Addr().Type().Implements(reflect.TypeFor[encoding.TextUnmarshaler]()):
		wrong.Join(dst.Addr().Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(v.String())))
	default:
		dst.Set(v.Convert(dst.Type()))
	}
}
