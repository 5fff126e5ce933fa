package clienttest

import (
	"errors"
	"reflect"
	"slices"

	"orderbeat/clients"
)

// Keys lists the keys of every [*clients.ConfigError] in err, sorted; any other error
// stands among them with its text.
func Keys(err error) (keys []string) {
	type joined interface {
		error
		Unwrap() []error
	}
	if many, ok := errors.AsType[joined](err); ok {
		for _, err := range many.Unwrap() {
			keys = append(keys, Keys(err)...)
		}
	} else if one, ok := errors.AsType[*clients.ConfigError](err); ok {
		keys = []string{one.Key}
	} else if err != nil {
		keys = []string{"not a ConfigError: " + err.Error()}
	}
	slices.Sort(keys)
	return keys
}

// Decode makes a [clients.Section.Decode] that sets a provider's own keys.
func Decode(keys map[string]any) func(into any) error {
	return func(into any) error {
		v := reflect.ValueOf(into).Elem()
		var errs []error
		for key, value := range keys {
			fields := reflect.VisibleFields(v.Type())
			i := slices.IndexFunc(fields, func(f reflect.StructField) bool { return f.Tag.Get("toml") == key })
			if i < 0 {
				errs = append(errs, &clients.ConfigError{Key: key, Message: "unknown key"})
				continue
			}
			v.FieldByIndex(fields[i].Index).Set(reflect.ValueOf(value))
		}
		return errors.Join(errs...)
	}
}
