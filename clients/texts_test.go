package clients_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"orderbeat/clients"
)

const someText = "kanarienvogel"

// fill puts someText into every text of v, and one element into every list.
func fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		for _, field := range v.Fields() {
			fill(field)
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0))
	case reflect.String:
		v.SetString(someText)
	default:
	}
}

func TestAllTextOfAProviderIsCleaned(t *testing.T) {
	ours := map[string]bool{"Provider": true, "Account": true, "Status": true, "Type": true} // names of ours
	edit := func(s string) string { return strings.ReplaceAll(s, someText, "") }
	for _, v := range []interface{ EditTexts(func(string) string) }{&clients.Order{}, &clients.Advice{}, &clients.Invoice{}} {
		fill(reflect.ValueOf(v).Elem())
		v.EditTexts(edit)
		check(t, fmt.Sprintf("%T", v), reflect.ValueOf(v).Elem(), ours)
	}
}

func check(t *testing.T, path string, v reflect.Value, ours map[string]bool) {
	t.Helper()
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Type().Field(i); !ours[f.Name] {
				check(t, path+"."+f.Name, v.Field(i), ours)
			}
		}
	case reflect.Slice:
		check(t, path, v.Index(0), ours)
	case reflect.String:
		if v.Type() != reflect.TypeFor[clients.Status]() && v.Type() != reflect.TypeFor[clients.Date]() && v.Type() != reflect.TypeFor[clients.Amount]() && v.String() != "" {
			t.Errorf("%s (%s) is not edited", path, v.Type())
		}
	default:
	}
}
