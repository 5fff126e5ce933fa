package config // an inside test: it walks the unexported shape of the file

import (
	"os"
	"reflect"
	"regexp"
	"testing"

	"orderbeat/clients"
)

func TestTheShippedFileTellsOfEveryKey(t *testing.T) {
	text, err := os.ReadFile("../../../config.toml")
	if err != nil {
		t.Fatal(err)
	}
	// Keys that are only shown stand behind "# ".
	text = regexp.MustCompile(`(?m)^# (\w+ +=)`).ReplaceAll(text, []byte("$1"))
	doc, mistake := parse("config.toml", text)
	if mistake != nil {
		t.Fatal(mistake)
	}
	for path, shape := range map[string]reflect.Type{
		"":                               reflect.TypeFor[file](),
		"nats":                           reflect.TypeFor[natsSection](),
		"nats.tls":                       reflect.TypeOf(natsSection{}.TLS),
		"db":                             reflect.TypeFor[DB](),
		"worker":                         reflect.TypeFor[Worker](),
		"web":                            reflect.TypeFor[webSection](),
		"web.auth":                       reflect.TypeOf(webSection{}.Auth),
		"web.tls":                        reflect.TypeOf(webSection{}.TLS),
		"log":                            reflect.TypeFor[Log](),
		"sandbox":                        reflect.TypeFor[Sandbox](),
		"schedules[0]":                   reflect.TypeFor[scheduleSection](),
		"providers.michelin":             reflect.TypeFor[clients.Config](),
		"providers.michelin.retry":       reflect.TypeFor[clients.Retry](),
		"providers.michelin.accounts[0]": reflect.TypeFor[clients.Account](),
	} {
		for _, f := range tagged(shape) {
			if _, told := doc.places[join(path, f.key)]; !told {
				t.Errorf("%s is not told of", join(path, f.key))
			}
		}
	}
}
