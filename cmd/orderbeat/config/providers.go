package config

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math"
	"reflect"
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // for machines without a time zone database
	"unicode/utf8"

	"orderbeat/auth"
	"orderbeat/auth/mask"
	"orderbeat/auth/secret"
	"orderbeat/clients"
	"orderbeat/clients/exchange"
	"orderbeat/clients/section"
	"orderbeat/cmd/orderbeat/config/tomlfile"
	"orderbeat/worker/web"
)

// Provider is one valid section [providers.<name>].
type Provider struct {
	section.Config
	// Traits are the requests that it supports.
	Traits clients.Traits
	// Origin is the base URL of its requests: from the provider's BaseURL method, else the
	// configured one.
	Origin string
	// redirectURI is the kind's own redirect URI, "" for that of the web listener.
	redirectURI string
	// Open opens the provider.
	Open    func(ProviderDeps) (clients.Provider, error)
	samples func(context.Context) (clients.SampleReport, []*tomlfile.Error)
	// lacks returns what an account lacks for order requests; nil if accounts of this kind are
	// always complete.
	lacks func(clients.Account) error
	// SamplesPath is the file that new samples are added to: the declaration file, or else the file of the
	// section. SamplesTable is the name of the [[table]] in it. Both are "" if the kind is not declared.
	SamplesPath, SamplesTable string
	keys                      map[string]string // fingerprints of the values of its keys
}

// AccountNames returns the names of the accounts.
func (p Provider) AccountNames() (names []string) {
	for _, a := range p.Accounts {
		names = append(names, a.Name)
	}
	return names
}

// ProviderDeps is what a provider needs from the program.
type ProviderDeps struct {
	Tokens     auth.Store
	SandboxURL string // base URL of the running sandbox, "" for none
	UserAgent  string
	Log        *slog.Logger
	Mask       *mask.Set // [section.Section.Mask]
	// Watch is [section.Section.Watch].
	Watch func(exchange.Exchange)
}

// providerDefaults returns the defaults of a provider's section.
func providerDefaults(name string) section.Config {
	return section.Config{
		Name: name, Environment: "sandbox", Concurrency: 4,
		Rate:      clients.Rate{Calls: 10, Per: time.Second},
		TokenRate: clients.Rate{Calls: 5, Per: time.Second},
		Retry:     clients.Retry{Attempts: 8, For: 6 * time.Hour},
		Timeout:   30 * time.Second, MaxBody: 32 << 20, MaxConnAge: 5 * time.Minute,
	}
}

func (l *loader) providers(kinds map[string]section.Kind) {
	if len(l.file.Providers) == 0 {
		l.add("providers", "no provider is configured: add a section [providers.<name>]")
	}
	for _, name := range slices.Sorted(maps.Keys(l.file.Providers)) {
		path := tomlfile.Key("providers", name)
		values, ok := l.file.Providers[name].(map[string]any)
		if !ok {
			l.wrong(path, l.file.Providers[name], "a table")
			continue
		}
		if !isToken(name) || len(name) > maxName {
			l.add(path, "a provider's name is up to %d letters, digits, - and _", maxName)
		}
		l.provider(path, name, values, kinds)
	}
	l.redirects()
}

// redirects checks that the redirect URIs of all providers are distinct and do not collide
// with the web listener's pages.
func (l *loader) redirects() {
	uris := map[string]string{}
	for _, p := range l.config.Providers {
		uris[p.Name] = p.redirectURI
	}
	for name, reason := range web.CheckRedirects(uris) {
		l.add(tomlfile.Key("providers", name)+".redirect_uri", "%s", reason)
	}
}

// provider reads the keys that all kinds share, and lets the kind read the rest. An invalid
// section is added to the configuration too, so that schedules can be checked against it.
func (l *loader) provider(path, name string, table map[string]any, kinds map[string]section.Kind) {
	named, _ := table[keyKind].(string)
	kind, known := kinds[named]
	stacked := l.overlay(path, table, kind, known)
	frame := tagged(reflect.TypeFor[section.Config]())
	shared, own := map[string]any{}, map[string]any{}
	p := Provider{keys: map[string]string{}}
	for key, value := range l.values(path, stacked) {
		p.keys[key] = l.fingerprint(value)
		if slices.ContainsFunc(frame, func(f field) bool { return f.key == key }) {
			shared[key] = value
		} else {
			own[key] = value
		}
	}
	if stacked.declared {
		frame = append(frame, field{key: keyDeclaration})
	}
	c := providerDefaults(name)
	l.table(path, shared, reflect.ValueOf(&c).Elem())
	c.TLS.CA, c.TLS.Cert = l.existing(path+".tls.ca", c.TLS.CA), l.existing(path+".tls.cert", c.TLS.Cert)
	c.TLS.Key = l.private(path+".tls.key", c.TLS.Key)
	l.accounts(path+".accounts", c.Accounts)
	p.Config, p.Traits = c, anyTraits
	p.keys["tls"] += contents(c.TLS.CA, c.TLS.Cert, c.TLS.Key)
	p.SamplesPath, p.SamplesTable = stacked.samplesAt(l.doc.Name, path)
	switch {
	case !known:
		l.add(path+".kind", "%.40q is not a kind of provider; known kinds: %s", c.Kind, strings.Join(slices.Sorted(maps.Keys(kinds)), ", "))
		l.addProvider(path, checkSharedKeys(c))
	case !stacked.whole: // missing keys may be in a layer that could not be read
		l.addProvider(path, checkSharedKeys(c))
	default:
		l.try(path, &p, own, frame, kind.Open)
	}
	l.config.Providers = append(l.config.Providers, p)
}

// anyTraits are used for a provider that could not be opened: schedules for it may use any
// request.
var anyTraits = clients.Traits{MaxReferences: math.MaxInt, MaxDespatchDays: 1, MaxInvoiceDays: 1}

// checkSharedKeys checks the shared keys of a section of unknown kind. A kind may have default URLs
// and allow http on a loopback address.
func checkSharedKeys(c section.Config) error {
	c.AllowInsecureHTTP = true
	return c.Check()
}

// try completes p: the kind reads its own keys, and the provider is opened once as a test.
func (l *loader) try(path string, p *Provider, own map[string]any, frame []field, open section.Open) {
	c := p.Config
	var decoded bool
	p.Open = func(deps ProviderDeps) (_ clients.Provider, err error) {
		defer func() {
			if r := recover(); r != nil {
				err = fmt.Errorf("kind = %q panics when it is opened: %v", c.Kind, r)
			}
		}()
		return open(section.Section{
			Config: c,
			Decode: func(into any) error {
				decoded = true
				return l.decode(path, own, into, frame)
			},
			Tokens: deps.Tokens, Sandbox: sandboxOf(deps.SandboxURL, c.Kind), UserAgent: deps.UserAgent, Log: deps.Log, Mask: deps.Mask, Watch: deps.Watch,
		})
	}
	trial, err := p.Open(l.trial())
	l.addProvider(path, err)
	if !decoded { // the kind has no keys of its own
		l.addProvider(path, l.decode(path, own, &struct{}{}, frame))
	}
	if err != nil {
		return
	}
	if p.Traits, err = clients.TraitsOf(trial); err != nil {
		l.addProvider(path, fmt.Errorf("kind = %q panics in Traits", c.Kind))
		return
	}
	p.Origin = c.BaseURL
	if has, ok := trial.(clients.BaseURLProvider); ok {
		p.Origin = has.BaseURL()
	}
	if has, ok := trial.(clients.RedirectURIProvider); ok {
		p.redirectURI = has.RedirectURI()
	}
	if has, ok := trial.(clients.Noticer); ok {
		for _, text := range has.Notices() {
			l.notice(path + ": " + text)
		}
	}
	if checker, ok := trial.(clients.AccountChecker); ok {
		p.lacks = checker.Lacks
		for _, a := range c.Accounts {
			if err := p.lacks(a); err != nil {
				l.notice(fmt.Sprintf("%s: orders of account %s cannot be requested: %s", path, a.Name, strings.ReplaceAll(err.Error(), "\n", "; ")))
			}
		}
	}
	p.samples = func(ctx context.Context) (clients.SampleReport, []*tomlfile.Error) {
		return l.checkSamples(ctx, path, p.Open)
	}
	l.addProvider(path, closeTrial(trial))
}

// closeTrial closes a provider that was opened as a test.
func closeTrial(p clients.Provider) error {
	if closer, ok := p.(io.Closer); ok {
		return closer.Close()
	}
	return nil
}

// trial returns the dependencies for checking a section: nothing is opened, and the sandbox
// has its configured address.
func (l *loader) trial() ProviderDeps {
	deps := ProviderDeps{Tokens: auth.NewMemory(), UserAgent: "orderbeat", Log: slog.New(slog.DiscardHandler)}
	if l.config.Sandbox != nil {
		listen := l.config.Sandbox.Listen
		if l.has("sandbox.listen") { // reported already
			listen = defaults().Sandbox.Listen
		}
		deps.SandboxURL = "http://" + listen
	}
	return deps
}

// decode implements [section.Section.Decode]: it decodes the kind's own keys into a struct.
func (l *loader) decode(path string, own map[string]any, into any, frame []field) error {
	v := reflect.ValueOf(into)
	if v.Kind() != reflect.Pointer || v.Elem().Kind() != reflect.Struct {
		return fmt.Errorf("decode into %T: want a pointer to a struct", into)
	}
	b := binder{mistakes: &mistakes{}, secrets: l.secrets}
	b.table(path, own, v.Elem(), frame...)
	var all []error
	for _, m := range b.all {
		all = append(all, &section.ConfigError{Key: strings.TrimPrefix(m.key, path+"."), Message: m.message})
	}
	return errors.Join(all...)
}

// maxName is the maximum length of names, in characters.
const maxName = 64

// accounts checks the names of a provider's accounts, which identify them in tables and
// subjects, and their params, and loads their time zones.
func (l *loader) accounts(path string, accounts []clients.Account) {
	seen := map[string]string{}
	for i := range accounts {
		a, at := &accounts[i], tomlfile.Index(path, i)
		switch {
		case strings.TrimSpace(a.Name) == "":
			l.add(at+".name", "is missing")
		case utf8.RuneCountInString(a.Name) > maxName:
			l.add(at+".name", "is longer than %d characters", maxName)
		}
		l.distinct(seen, at, a.Name)
		a.Location = l.zone(at+".timezone", a.Timezone)
		l.accountParams(at+".params", a.Params)
	}
}

// accountParams checks that templates can render each value.
func (l *loader) accountParams(path string, params map[string]any) {
	for key, value := range params {
		switch v := value.(type) {
		case string, bool, int64, secret.Secret:
			continue
		case float64:
			if !math.IsNaN(v) && !math.IsInf(v, 0) {
				continue
			}
		}
		l.wrong(tomlfile.Key(path, key), value, "a string, a number, true or false")
	}
}

// zone loads a time zone by its IANA name; "" is UTC.
func (l *loader) zone(key, name string) *time.Location {
	zone, err := time.LoadLocation(name)
	if err != nil || name == "Local" {
		l.add(key, `%.60q is not a time zone: write its IANA name, like "America/Detroit"`, name)
		return time.UTC
	}
	return zone
}
