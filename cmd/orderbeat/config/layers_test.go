package config_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"orderbeat/auth/secret"

	"github.com/google/go-cmp/cmp"

	"orderbeat/clients"
	"orderbeat/clients/section"
	"orderbeat/cmd/orderbeat/config"
)

// ledger is a provider of a declared kind. It reports a mistake at every "!" in a text.
type ledger struct {
	clients.Provider
	keys ledgerKeys
}

type ledgerKeys struct {
	Token  secret.Secret `toml:"token"`
	Orders struct {
		Path  string         `toml:"path"`
		Map   string         `toml:"map"`
		Query map[string]any `toml:"query"`
		Items []ledgerItem   `toml:"items"`
	} `toml:"orders"`
	Samples []ledgerSample `toml:"samples"`
}

type ledgerItem struct {
	Name string `toml:"name"`
	Map  string `toml:"map"`
}

type ledgerSample struct {
	Body   string `toml:"body"`
	Orders string `toml:"orders"`
}

func openLedger(s section.Section) (clients.Provider, error) {
	var l ledgerKeys
	errs := []error{s.Decode(&l), s.Check()}
	if l.Orders.Path == "" {
		errs = append(errs, &section.ConfigError{Key: "orders.path", Message: "is missing"})
	}
	errs = append(errs, faultOf("orders.map", l.Orders.Map))
	for key, value := range l.Orders.Query {
		errs = append(errs, faultOf(fmt.Sprintf("orders.query.%q", key), fmt.Sprint(value)))
	}
	for i, item := range l.Orders.Items {
		if item.Name == "" {
			errs = append(errs, &section.ConfigError{Key: fmt.Sprintf("orders.items[%d].name", i), Message: "is missing"})
		}
		errs = append(errs, faultOf(fmt.Sprintf("orders.items[%d].map", i), item.Map))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return ledger{keys: l}, nil
}

// faultOf reports a mistake at each "!" of a text.
func faultOf(key, text string) error {
	var errs []error
	for i := range len(text) {
		if text[i] == '!' {
			errs = append(errs, &section.ConfigError{Key: key, Offset: i + 1, Message: "has a mark"})
		}
	}
	return errors.Join(errs...)
}

func (l ledger) Traits() clients.Traits { return clients.Traits{} }

func (l ledger) Notices() []string {
	if l.keys.Orders.Map == "" {
		return []string{"declares no orders yet"}
	}
	return nil
}

func (l ledger) CheckSamples(context.Context) (clients.SampleReport, error) {
	var errs []error
	for i, sample := range l.keys.Samples {
		errs = append(errs, faultOf(fmt.Sprintf("samples[%d].orders", i), sample.Orders))
	}
	return clients.SampleReport{Tried: len(l.keys.Samples)}, errors.Join(errs...)
}

// layered loads a configuration of a kind "ledger" with a preset, beside a file
// acme.toml.
func layered(t *testing.T, preset, file, text string, pairs ...string) (*config.Config, error) {
	t.Helper()
	path := write(t, text)
	t.Chdir(filepath.Dir(path))
	if err := os.WriteFile("acme.toml", []byte(file), 0o600); err != nil {
		t.Fatal(err)
	}
	kinds := map[string]section.Kind{
		"ledger":   {Open: openLedger, Declaration: &section.Declaration{Name: "preset ledger", Text: []byte(preset)}},
		"michelin": {Open: openStandIn},
	}
	return config.Load("config.toml", kinds, env(pairs...))
}

// acme begins a section that a declaration completes; what follows it is line 4.
const acme = "[providers.acme]\nkind = \"ledger\"\naccounts = [{ name = \"main\" }]\n"

func TestMistakesAreReportedWhereTheirKeyIsSet(t *testing.T) {
	const path = "orders.path = '/orders'\n"
	const file = "declaration = \"acme.toml\"\n"
	for _, test := range []struct {
		name, preset, file, text string
		want                     []string
	}{
		{"a key that is nowhere", "", "", acme, []string{"config.toml:1:12: providers.acme.orders.path: is missing"}},
		{"a key that is nowhere, of a table of the file", path, "[[orders.items]]\nmap = 'x'\n", acme + file, []string{
			"acme.toml:1:10: orders.items[0].name: is missing",
		}},
		{"an unknown key of a preset", "ordrs = 3\n" + path, "", acme, []string{
			`preset ledger:1:1: ordrs: unknown key; did you mean "orders"? known: kind, environment,`,
		}},
		{"an unknown key of a file", path, "\n  ordrs = 3\n", acme + file, []string{
			`acme.toml:2:3: ordrs: unknown key; did you mean "orders"? known: kind, environment,`,
		}},
		{"an unknown key of the section", path, "", acme + "declaratio = 3\n", []string{
			`config.toml:4:1: providers.acme.declaratio: unknown key; did you mean "declaration"? known: kind, environment,`,
		}},
		{"what every kind shares, in three texts", "rate = 'fast'\n" + path, "timeout = '-1s'\n[retry]\nattempts = 0", acme + file + "concurrency = 0\n", []string{
			"config.toml:5:1: providers.acme.concurrency: must be more than 0",
			"acme.toml:1:1: timeout: must be more than 0",
			"acme.toml:3:1: retry.attempts: must be more than 0",
			"preset ledger:1:1: rate: \"fast\" is not a rate",
		}},
		{"a text's character, in three texts", "[orders]\npath = '/orders'\nmap = \"ä\\u00e4!!\"\n", "[[orders.items]]\nname = 'ä'\nmap = '''\n  .a |\n  .b!'''\n", acme + file + "[providers.acme.orders.query]\n\"filter[status].x\" = '!'\n", []string{
			`config.toml:6:23: providers.acme.orders.query."filter[status].x": has a mark`,
			"acme.toml:5:5: orders.items[0].map: has a mark",
			"preset ledger:3:15: orders.map: has a mark",
			"preset ledger:3:16: orders.map: has a mark",
		}},
		{"a list that another has replaced", path + "[[orders.items]]\nname = 'x'\nmap = '!'\n", "\norders.items = [{ map = '' }]", acme + file, []string{
			"acme.toml:2:17: orders.items[0].name: is missing",
		}},
		{"a table that lies above a list", path, "orders.items = 3\n", acme + file + "[providers.acme.orders.items]\nname = 'x'\n", []string{
			"config.toml:5:24: providers.acme.orders.items: want a list, got a table",
		}},
		{"a secret of a file", path, "client_secret = 'canary'\ntoken = 'env:UNSET'\n", acme + file, []string{
			"acme.toml:1:1: client_secret: secrets must not be in the file",
			"acme.toml:2:1: token: the environment variable UNSET is not set",
		}},
		{"what is the user's", "kind = 'ledger'\n" + path, "declaration = 'more.toml'\n[[accounts]]\nname = 'x'\n", acme + file, []string{
			"acme.toml:1:1: declaration: is not allowed in a declaration: set it in the provider's section of config.toml",
			"acme.toml:2:3: accounts: is not allowed in a declaration: set it in the provider's section of config.toml",
			"preset ledger:1:1: kind: is not allowed in a declaration: set it in the provider's section of config.toml",
		}},
		{"samples that are none", "samples = 'x'\n" + path, "[[samples]]\nbody = ''\n", acme + "[providers.acme.samples]\nx = 1\n", []string{
			"config.toml:4:17: providers.acme.samples: want a list of tables, [[providers.acme.samples]], got a table",
			"preset ledger:1:1: samples: want a list of tables, [[samples]], got a string",
		}},
		{"a wrong key of a sample", path + "[[samples]]\nbody = ''\n[[samples]]\norders = 3\n", "[[samples]]\nordres = ''\n", acme + file + "[[providers.acme.samples]]\nbdy = ''\n", []string{
			`config.toml:6:1: providers.acme.samples[0].bdy: unknown key; did you mean "body"?`,
			`acme.toml:2:1: samples[0].ordres: unknown key; did you mean "orders"?`,
			"preset ledger:5:1: samples[1].orders: want a string in quotes, got the number 3",
		}},
		{"a file that is not there", path, "", acme + "declaration = 'sub/none.toml'\ntimeout = '0s'\nunknown = 3\n", []string{
			"config.toml:4:1: providers.acme.declaration: cannot read sub/none.toml: no such file or directory",
			"config.toml:5:1: providers.acme.timeout: must be more than 0",
		}},
		{"a folder", path, "", acme + "declaration = '.'\n", []string{"config.toml:4:1: providers.acme.declaration: cannot read .: is a directory"}},
		{"a declaration that is no path", path, "", acme + "declaration = ['acme.toml']\n", []string{
			"config.toml:4:1: providers.acme.declaration: want a string in quotes, the path of a file, got a list",
		}},
		{"a file that is no TOML, and the section's own mistakes", path, "x = 1\n\"ä\" = 'open\n", acme + file + "rate = 'fast'\n", []string{
			"config.toml:5:1: providers.acme.rate: \"fast\" is not a rate",
			"acme.toml:2:12: literal strings cannot have new lines",
		}},
		{"a preset that is no TOML", "x = \n", "", acme, []string{"preset ledger:1:5: "}},
		{"one file of two sections, told once", path, "\nenvironment = 3\n", acme + file + strings.ReplaceAll(acme+file, "acme]", "bolt]"), []string{
			"acme.toml:2:1: environment: want a string in quotes, got the number 3",
		}},
		{"a file of a kind that is not declared", "", "", least + "[providers.other]\nkind = 'michelin'\ndeclaration = 'acme.toml'\naccounts = [{ name = 'a', bill_to = '1' }]\n", []string{
			`config.toml:8:1: providers.other.declaration: has no effect: kind "michelin" is not declared`,
		}},
		{"a file of a kind that is not known", "", "rate = 'fast'\n", strings.Replace(acme, "ledger", "leger", 1) + file, []string{
			`config.toml:2:1: providers.acme.kind: "leger" is not a kind of provider; known kinds: ledger, michelin`,
			"acme.toml:1:1: rate: \"fast\" is not a rate",
		}},
		{"values of one's own that cannot be written", path, "", "[providers.acme]\nkind = 'ledger'\n[[providers.acme.accounts]]\nname = 'a'\nparams = { a = 'x', b = 1.5, c = true, d = [1], \"e f\" = 2026-01-01, g = nan }\n", []string{
			"config.toml:5:40: providers.acme.accounts[0].params.d: want a string, a number, true or false, got a list",
			`config.toml:5:49: providers.acme.accounts[0].params."e f": want a string, a number, true or false, got a date or time`,
			"config.toml:5:69: providers.acme.accounts[0].params.g: want a string, a number, true or false, got the number NaN",
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := layered(t, test.preset, test.file, test.text)
			got := flat(err)
			for i := range max(len(got), len(test.want)) {
				if i >= len(got) || i >= len(test.want) || !strings.HasPrefix(got[i].Error(), test.want[i]) {
					t.Fatalf("got\n%v\nwant lines that begin\n%s", err, strings.Join(test.want, "\n"))
				}
			}
			if strings.Contains(fmt.Sprint(err), "canary") {
				t.Errorf("got %v, which repeats a secret", err)
			}
		})
	}
}

func TestLayersAreMergedKeyByKey(t *testing.T) {
	const preset = "timeout = '1s'\nrate = '1/s'\nconcurrency = 1\nretry = { attempts = 1, for = '1h' }\n" +
		"[orders]\npath = '/preset'\nmap = 'preset'\n[orders.query]\na = 1\nb = { x = 1, y = 1 }\nc = 'preset'\nd = { x = 1 }\n" +
		"[[orders.items]]\nname = 'preset'\n[[samples]]\nbody = 'preset'\n"
	const file = "timeout = '2s'\nrate = '2/s'\nretry.attempts = 2\norders.map = 'file'\norders.query.b.x = 2\norders.query.c.z = 2\norders.query.d = 'file'\n" +
		"[[samples]]\nbody = 'file 1'\n[[samples]]\nbody = 'file 2'\n"
	const text = acme + "declaration = 'acme.toml'\ntimeout = '3s'\n[providers.acme.orders]\nquery.b.w = 3\nquery.a = 'section'\nquery.d.w = 3\n" +
		"items = []\n[[providers.acme.samples]]\nbody = 'section'\n"
	kept := struct {
		section.Config
		ledgerKeys
	}{}
	kinds := map[string]section.Kind{"ledger": {
		Declaration: &section.Declaration{Name: "preset ledger", Text: []byte(preset)},
		Open: func(s section.Section) (clients.Provider, error) {
			kept.Config = s.Config
			return standIn{}, s.Decode(&kept.ledgerKeys)
		},
	}}
	path := write(t, text)
	if err := os.WriteFile(filepath.Join(filepath.Dir(path), "acme.toml"), []byte(file), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := config.Load(path, kinds, env()); err != nil {
		t.Fatal(err)
	}
	var samples []string
	for _, s := range kept.Samples {
		samples = append(samples, s.Body)
	}
	for _, check := range []struct {
		key       string
		got, want any
	}{
		{"timeout", kept.Timeout.String(), "3s"},
		{"rate", kept.Rate.String(), "2/s"},
		{"concurrency", kept.Concurrency, 1},
		{"retry", kept.Retry, clients.Retry{Attempts: 2, For: time.Hour}},
		{"max_body", kept.MaxBody, int64(32 << 20)},
		{"orders.path", kept.Orders.Path, "/preset"},
		{"orders.map", kept.Orders.Map, "file"},
		{"orders.query", kept.Orders.Query, map[string]any{
			"a": "section", "b": map[string]any{"w": int64(3), "x": int64(2), "y": int64(1)}, "c": map[string]any{"z": int64(2)}, "d": map[string]any{"w": int64(3)},
		}},
		{"orders.items", kept.Orders.Items, []ledgerItem{}},
		{"samples", samples, []string{"preset", "file 1", "file 2", "section"}},
	} {
		if diff := cmp.Diff(check.want, check.got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", check.key, diff)
		}
	}
}

func TestSamplesAreTriedAndTheirMistakesLocated(t *testing.T) {
	c, err := layered(t, "orders.path = '/'\norders.map = 'x'\n[[samples]]\norders = 'right'\n",
		"[[samples]]\norders = '!'\n[[samples]]\nbody = '{}'\norders = \"\"\"\n\n ä!\"\"\"\n",
		acme+"declaration = 'acme.toml'\n[[providers.acme.samples]]\norders = 'x!'\n"+strings.ReplaceAll(acme, "acme]", "bolt]")+least)
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.CheckSamples(t.Context())
	want := `config.toml:6:12: providers.acme.samples[0].orders: has a mark
acme.toml:2:11: samples[0].orders: has a mark
acme.toml:7:3: samples[1].orders: has a mark`
	if diff := cmp.Diff(want, fmt.Sprint(err)); diff != "" {
		t.Errorf("mistakes (-want +got):\n%s", diff)
	}
	ended, end := context.WithCancel(t.Context())
	end()
	if _, err := c.CheckSamples(ended); !errors.Is(err, context.Canceled) {
		t.Errorf("once the context has ended: got %v", err)
	}
}

func TestValidSamplesAreCounted(t *testing.T) {
	c, err := layered(t, "orders.path = '/'\n[[samples]]\norders = 'right'\n", "",
		acme+"[[providers.acme.samples]]\n"+strings.ReplaceAll(acme, "acme]", "bolt]")+"declaration = 'acme.toml'\n"+least)
	if err != nil {
		t.Fatal(err)
	}
	got, err := c.CheckSamples(t.Context())
	if diff := cmp.Diff(map[string]clients.SampleReport{"acme": {Tried: 2}, "bolt": {Tried: 1}, "michelin": {}}, got); err != nil || diff != "" {
		t.Errorf("error %v, samples (-want +got):\n%s", err, diff)
	}
	notices := []string{"providers.acme: declares no orders yet", "providers.bolt: declares no orders yet"}
	if diff := cmp.Diff(notices, c.Notices); diff != "" {
		t.Errorf("notices (-want +got):\n%s", diff)
	}
	var places []string
	for _, p := range c.Providers {
		places = append(places, p.SamplesPath+" "+p.SamplesTable)
	}
	if diff := cmp.Diff([]string{"config.toml providers.acme.samples", "acme.toml samples", " "}, places); diff != "" {
		t.Errorf("where samples belong (-want +got):\n%s", diff)
	}
}

func TestDeclarationPathIsRelativeToTheConfiguration(t *testing.T) {
	path := write(t, acme+"declaration = 'sub/acme.toml'\n")
	c, err := config.Load(path, map[string]section.Kind{"ledger": {Open: openLedger, Declaration: &section.Declaration{}}}, env())
	want := fmt.Sprintf("%s:4:1: providers.acme.declaration: cannot read %s: no such file or directory", path, filepath.Join(filepath.Dir(path), "sub/acme.toml"))
	if err == nil || err.Error() != want {
		t.Errorf("got %v, %v, want %s", c, err, want)
	}
}
