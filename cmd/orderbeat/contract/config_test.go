package contract_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"orderbeat/clients"
	"orderbeat/db/alerts"
	"orderbeat/docs"
	"orderbeat/worker/contracttest"
)

// shipped is config.toml.
func shipped(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "config.toml"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestShippedConfigurationMatchesItsSchema(t *testing.T) {
	text := shipped(t)
	if err := contracttest.CheckConfig([]byte(text)); err != nil {
		t.Errorf("as shipped: %v", err)
	}
	all := regexp.MustCompile(`(?m)^#([^ #:])`).ReplaceAllString(text, "$1") // as the file says
	if err := contracttest.CheckConfig([]byte(all)); err != nil {
		t.Errorf("with all providers: %v", err)
	}
	keys := regexp.MustCompile(`(?m)^# (\w+ +=|\w+ = |\[\[notify)`).ReplaceAllString(text, "$1")
	if err := contracttest.CheckConfig([]byte(keys)); err != nil {
		t.Errorf("with all keys: %v", err)
	}
}

func TestWrongConfigurationsAreRejected(t *testing.T) {
	for _, c := range []struct{ name, old, new string }{
		{"an unknown key", `max_payload = "8MB"`, `max_paylod = "8MB"`},
		{"an unknown section", "[worker]", "[workers]"},
		{"a number of another unit", `max_payload = "8MB"`, `max_payload = "8 megabytes"`},
		{"a duration without a unit", `queue_alert = "15m"`, `queue_alert = 15`},
		{"an unknown value", `body = "order"`, `body = "all"`},
		{"an unknown kind of run", `kind     = "sync"`, `kind     = "synchronize"`},
		{"a param of no kind", `{ lookback = "14d" }`, `{ look_back = "14d" }`},
		{"a rate without a unit", `rate          = "10/s"`, `rate          = 10`},
		{"a key of another kind of provider", `request       = "portal"`, `dialect       = "rfc6749"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			wrong := strings.Replace(shipped(t), c.old, c.new, 1)
			if wrong == shipped(t) {
				t.Fatalf("config.toml has no %s", c.old)
			}
			if contracttest.CheckConfig([]byte(wrong)) == nil {
				t.Errorf("accepted %s instead of %s", c.new, c.old)
			}
		})
	}
}

// The configuration accepts the codes that the schema of events lists.
func TestNotifyHasTheCodesOfAlerts(t *testing.T) {
	text, err := docs.Files.ReadFile("schemas/config.json")
	if err != nil {
		t.Fatal(err)
	}
	var schema struct {
		Defs struct {
			Notify struct {
				Properties struct {
					Codes struct {
						Items struct{ Enum []clients.Code }
					}
				}
			}
		} `json:"$defs"`
	}
	if err := json.Unmarshal(text, &schema); err != nil {
		t.Fatal(err)
	}
	if got := schema.Defs.Notify.Properties.Codes.Items.Enum; !slices.Equal(got, alerts.Codes) {
		t.Errorf("the schema has %q, the configuration accepts %q", got, alerts.Codes)
	}
}

func TestEveryConfigurationKeyIsDescribed(t *testing.T) {
	schema := document(t, read(t, "docs/schemas/config.json"))
	for _, key := range undescribed("", schema, schema) {
		t.Errorf("%s has no description: write a comment in config.toml or above its field", key)
	}
}

// undescribed lists the keys below a schema that have no description, neither of their own nor of
// the definition that they refer to.
func undescribed(path string, doc, schema object) (keys []string) {
	properties, _ := schema["properties"].(object)
	for key, value := range properties {
		property := value.(object)
		if text, _ := property["description"].(string); text == "" {
			if text, _ := resolved(doc, property)["description"].(string); text == "" {
				keys = append(keys, path+key)
			}
		}
		keys = append(keys, undescribed(path+key+".", doc, property)...)
	}
	defs, _ := schema["$defs"].(object)
	for name, def := range defs {
		keys = append(keys, undescribed(name+" ", doc, def.(object))...)
	}
	return keys
}
