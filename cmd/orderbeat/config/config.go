// Package config reads config.toml strictly. It reports all errors at once, with file, line,
// column and key, before anything is opened. It only reads files: it opens no connection and runs
// no worker.
//
// Start reading at [Load]. The fixed sections are in sections.go, those of providers in
// providers.go, the declarations and presets below them in layers.go, the schedules in
// schedules.go, the targets of notifications in notify.go; bind.go decodes TOML values into structs.
package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"unicode"

	"orderbeat/auth/mask"
	"orderbeat/clients/section"
	"orderbeat/cmd/orderbeat/config/tomlfile"
	"orderbeat/worker/bus"
	"orderbeat/worker/notifier"
	"orderbeat/worker/telemetry"
	"orderbeat/worker/web"
)

// Config is a valid configuration.
type Config struct {
	// Path is the file it was read from.
	Path string
	NATS bus.Config
	// Events says how order events are published.
	Events Events
	DB     DB
	// Worker limits the work of this process.
	Worker Worker
	// Key is the file of the key that seals tokens at rest.
	Key Key
	Web web.Config
	Log Log
	// Telemetry says where traces go.
	Telemetry telemetry.Config
	// Sandbox is nil if the sandbox does not run.
	Sandbox *Sandbox
	// Providers are sorted by name, Schedules are in the order of the file.
	Providers []Provider
	Schedules []Schedule
	// Notify are the targets of notifications, in the order of the file.
	Notify []notifier.Target
	// Notices are warnings, for example about keys that have no effect.
	Notices []string
	// Mask has the secrets that the configuration refers to.
	Mask *mask.Set

	// WithoutProviders is true if the file has no section [providers].
	WithoutProviders bool

	asSecret map[string]bool // variables that the file uses as secrets
	keys     map[string]any  // of the fixed sections, with their values
}

// ProviderNames returns the names of the providers.
func (c *Config) ProviderNames() (names []string) {
	for _, p := range c.Providers {
		names = append(names, p.Name)
	}
	return names
}

// MaskFiles masks keys and credentials in files: the key that seals tokens, and those of NATS
// and TLS. Files that cannot be read are skipped; opening them fails later.
func (c *Config) MaskFiles() {
	const shortest = 20 // length of a line that may be secret: a seed, or part of a PEM file
	for _, path := range []string{c.Key.Path, c.NATS.Creds, c.NATS.NKey, c.NATS.Key, c.Web.Key} {
		content, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(content)) {
			for _, word := range strings.FieldsFunc(line, func(r rune) bool { return unicode.IsSpace(r) || r == '"' }) {
				if len(word) >= shortest && !strings.HasPrefix(word, "---") {
					c.Mask.Add(word)
				}
			}
		}
	}
}

// file is the shape of config.toml.
type file struct {
	NATS      natsSection      `toml:"nats"`
	Events    Events           `toml:"events"`
	DB        DB               `toml:"db"`
	Worker    Worker           `toml:"worker"`
	Web       webSection       `toml:"web"`
	Log       Log              `toml:"log"`
	Telemetry telemetrySection `toml:"telemetry"`
	Sandbox   Sandbox          `toml:"sandbox"`
	Providers map[string]any   `toml:"providers"`
	// Schedules start runs, one block for each schedule.
	Schedules []scheduleSection `toml:"schedules"`
	// Notify has targets that alerts are sent to, one block for each: e-mail, chats, webhooks.
	Notify []notifySection `toml:"notify"`
}

// installed is where packages put the configuration.
const installed = "/etc/orderbeat/config.toml"

// Find returns the path of the configuration file: named, else $ORDERBEAT_CONFIG, else
// config.toml in the working directory, else the installed one.
func Find(named string, getenv func(string) string) (string, error) {
	const usual = "config.toml"
	if named != "" {
		return named, nil
	}
	if path := getenv("ORDERBEAT_CONFIG"); path != "" {
		return path, nil
	}
	if _, err := os.Stat(usual); !errors.Is(err, fs.ErrNotExist) {
		return usual, nil
	}
	if _, err := os.Stat(installed); err == nil {
		return installed, nil
	}
	here, _ := filepath.Abs(".")
	return "", &tomlfile.Error{File: usual, Message: fmt.Sprintf(
		"not found in %s: `orderbeat init` writes one that works; for another file use --config or ORDERBEAT_CONFIG", here)}
}

// Load reads and checks the file at path. kinds are the kinds of providers; each provider is
// opened once as a test. The error joins one [*tomlfile.Error] per mistake.
func Load(path string, kinds map[string]section.Kind, getenv func(string) string) (*Config, error) {
	return LoadWith(path, kinds, getenv, Options{})
}

// Options are how [LoadWith] treats secrets.
type Options struct {
	// Mask has the secrets that the process masks already: new ones are added to it. nil creates a set.
	Mask *mask.Set
	// WithoutSecrets resolves no secrets: the result has placeholders, and its providers must not be opened.
	WithoutSecrets bool
}

// LoadWith is [Load] with options.
func LoadWith(path string, kinds map[string]section.Kind, getenv func(string) string, o Options) (*Config, error) {
	if o.Mask == nil {
		o.Mask = mask.New()
	}
	l, err := read(path, getenv, o.Mask)
	if err != nil {
		return nil, err
	}
	l.secrets.blind = o.WithoutSecrets
	l.sections(l.doc.Values)
	_, withSandbox := l.doc.Values["sandbox"]
	if withSandbox {
		l.config.Sandbox = &l.file.Sandbox
	}
	l.listeners(withSandbox)
	if !o.WithoutSecrets {
		l.files()
	}
	l.providers(kinds)
	l.schedules()
	l.notify()
	if err := l.err(); err != nil {
		return nil, err
	}
	l.config.keys = keysOf(&l.file)
	return &l.config, nil
}

// LoadPart reads some sections, such as "db"; the rest of the result is undefined. "nats"
// includes "worker", which has the path of the embedded server's password. Secrets and errors
// of other sections are ignored, so that orders can be shown even if other sections are invalid.
func LoadPart(path string, getenv func(string) string, sections ...string) (*Config, error) {
	l, err := read(path, getenv, mask.New())
	if err != nil {
		return nil, err
	}
	if slices.Contains(sections, "nats") {
		sections = append(sections, "worker")
	}
	_, has := l.doc.Values["providers"]
	l.config.WithoutProviders = !has
	part := map[string]any{}
	for _, section := range sections {
		if values, ok := l.doc.Values[section]; ok {
			part[section] = values
		}
	}
	l.sections(part)
	if err := l.err(); err != nil {
		return nil, err
	}
	return &l.config, nil
}

// loader reads one file and the files that it refers to.
type loader struct {
	binder
	dir     string // base of relative paths
	doc     *tomlfile.Document
	origins map[string]origin
	placed  []*tomlfile.Error // errors with a known position
	file    file
	config  Config
}

func read(path string, getenv func(string) string, known *mask.Set) (*loader, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, &tomlfile.Error{File: path, Message: fmt.Sprintf("cannot read the configuration: %v", cause(err))}
	}
	dir, err := filepath.Abs(filepath.Dir(path))
	if err != nil {
		return nil, &tomlfile.Error{File: path, Message: err.Error()}
	}
	doc, mistake := tomlfile.Parse(path, text)
	if mistake != nil {
		return nil, mistake
	}
	l := &loader{
		binder:  binder{mistakes: &mistakes{}, secrets: secrets{getenv: getenv, dir: dir, mask: known}},
		dir:     dir,
		doc:     doc,
		origins: map[string]origin{},
		file:    defaults(),
		config:  Config{Path: path, Mask: known, asSecret: map[string]bool{}},
	}
	eachText(doc.Values, func(text string) {
		if name, ok := strings.CutPrefix(text, "env:"); ok {
			l.config.asSecret[name] = true
		}
	})
	l.environment(getenv)
	return l, nil
}

// err joins all errors with their positions; nil if there are none.
func (l *loader) err() error {
	return tomlfile.Errors(l.doc.Name, append(l.placed, l.located(l.all)...))
}

// set reports whether the file or a variable sets a key of a section.
func (l *loader) set(section, key string) bool {
	table, _ := l.doc.Values[section].(map[string]any)
	_, ok := table[key]
	return ok
}

// sections decodes values, which are the whole file or a part of it, and checks the sections
// other than providers, schedules and notify.
func (l *loader) sections(values map[string]any) {
	l.table("", values, reflect.ValueOf(&l.file).Elem())
	l.config.NATS = l.nats(l.file.NATS)
	l.oneOf("events.body", l.file.Events.Body, EventsOrder, EventsChanges)
	l.config.Events = l.file.Events
	l.config.DB = l.db(l.file.DB)
	l.worker(l.file.Worker)
	l.config.Worker = l.file.Worker
	l.config.Key = l.key(l.file.Worker.Key)
	l.config.NATS.PasswordFile = passwordFile(l.config.NATS, l.config.Key)
	l.config.Web = l.web(l.file.Web)
	if l.file.Worker.Role == RoleFetch && !l.set("web", "listen") {
		l.config.Web.Listen = "" // a fetcher has no pages, and several may run on one machine
	}
	l.oneOf("log.level", l.file.Log.Level, "debug", "info", "warn", "error")
	l.oneOf("log.format", l.file.Log.Format, "auto", "text", "json")
	l.config.Log = l.file.Log
	l.config.Telemetry = l.telemetry(l.file.Telemetry)
	l.sandbox(l.file.Sandbox)
}
