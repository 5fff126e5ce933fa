package clienttest

import (
	"errors"
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
