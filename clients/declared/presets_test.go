package declared // inside: it walks the shape of the settings

import (
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"orderbeat/auth/secret"

	"github.com/pelletier/go-toml/v2"

	"orderbeat/clients"
	"orderbeat/clients/clienttest"
	"orderbeat/clients/declared/jq"
)

func TestTemplateDeclarationWorks(t *testing.T) {
	text := Blank("acme-parts")
	keys := map[string]any{}
	if err := toml.Unmarshal([]byte(text), &keys); err != nil {
		t.Fatal(err)
	}
	keys["api_key"] = secret.New("sample")
	s := clienttest.Section("acme-parts", "")
	s.Environment, s.ClientID, s.ClientSecret = "production", secret.Secret{}, secret.Secret{}
	s.Decode = clienttest.Decode(keys)
	p, err := Open(s)
	if err != nil {
		t.Fatal(err)
	}
	c := p.(*Client)
	if n, err := c.CheckSamples(t.Context()); n.Tried != 2 || err != nil {
		t.Errorf("got %+v, %v, want 2 that are right", n, err)
	}
	if c.Notices() != nil || c.BaseURL() != "https://api.example.com" {
		t.Errorf("got %v and %s", c.Notices(), c.BaseURL())
	}
	if strings.Contains(text, "{{") || !strings.Contains(text, "orderbeat provider try acme-parts") || !strings.Contains(text, "env:"+SecretName("acme-parts")) {
		t.Errorf("the name is not put in:\n%s", text)
	}
}

func TestTemplateDeclarationHasEveryKey(t *testing.T) {
	told := func(word string) bool {
		return regexp.MustCompile(`(?m)^(# ?)?(\[+[\w.]*\b)?` + word + `( *=|\.\w+\]|\]+$)`).MatchString(blankText)
	}
	shapes := []reflect.Type{
		reflect.TypeFor[settings](), reflect.TypeFor[place](), reflect.TypeFor[request](), reflect.TypeFor[operation](),
		reflect.TypeFor[each](), reflect.TypeFor[paging](), reflect.TypeFor[failure](), reflect.TypeFor[sample](),
	}
	for _, shape := range shapes {
		for field := range shape.Fields() {
			if key := field.Tag.Get("toml"); key != "" && !told(key) {
				t.Errorf("%s of %s is not told of", key, shape.Name())
			}
		}
	}
	for kind, words := range map[string][]string{
		"member": slices.Concat(orderShape.names, lineShape.names, scheduleShape.names, despatchShape.names),
		"scheme": schemes, "code": codes, "variable": jq.Variables, "environment": {"test", "production", "sandbox"},
		"paging": {byCursor, byPage, byOffset, byLink}, "function": {"day(", "local_day(", "start_of_day(", "uuid"},
	} {
		for _, word := range words {
			if !strings.Contains(blankText, word) {
				t.Errorf("the %s %s is not told of", kind, word)
			}
		}
	}
	for _, s := range clients.Statuses {
		if !strings.Contains(blankText, string(s)) {
			t.Errorf("the status %s is not told of", s)
		}
	}
}
