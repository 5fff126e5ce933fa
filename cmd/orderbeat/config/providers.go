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
	_ "time/tzdata" // zones are known on machines without a zone database too

	"orderbeat/auth"
	"orderbeat/auth/mask"
	"orderbeat/clients"
	"orderbeat/clients/exchange"
	"orderbeat/clients/section"
	"orderbeat/cmd/orderbeat/config/tomlfile"
	"orderbeat/worker/web"
)

// Provider is one [providers.<name>] section that its kind found right.
type Provider struct {
	section.Config
	// Traits are what it can be asked.
	Traits clients.Traits
	// Origin is the base URL that it asks: what the kind's BaseURL method says, or
	// what is configured.
	Origin string
	// redirectURI is where the kind's users come back to, "" for the web listener's own.
	redirectURI string
	open        func(Lend) (clients.Provider, error)
	samples     func(context.Context) (clients.SampleReport, []*tomlfile.Error)
	// lacks tells what an account has not that asking for its orders needs; nil for a
	// kind whose accounts are complete.
	lacks func(clients.Account) error
	// samplesPath and samplesTable are where further samples belong.
	samplesPath, samplesTable string
}

// Lend is what the program lends to a provider.
type Lend struct {
	Tokens    auth.Store
	Sandbox   StandIns
	UserAgent string
	Log       *slog.Logger
	Mask      *mask.Set // [section.Section.Mask]
	// Watch is [section.Section.Watch].
	Watch func(exchange.Exchange)
}

// Open makes the provider.
func (p Provider) Open(l Lend) (clients.Provider, error) { return p.open(l) }

// providerDefaults is what holds where a provider's section says nothing.
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
		l.add("providers", "there is none: write a section [providers.<name>]")
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

// redirects checks the redirect URIs of all providers against each other and against
// the web listener's pages.
func (l *loader) redirects() {
	uris := map[string]string{}
	for _, p := range l.config.Providers {
		uris[p.Name] = p.redirectURI
	}
	for name, reason := range web.CheckRedirects(uris) {
		l.add(tomlfile.Key("providers", name)+".redirect_uri", "%s", reason)
	}
}

// provider reads the part of a section that every kind shares, and has the kind
// read the rest. What the section says is kept even when some of it is wrong: the
// schedules are checked against it.
func (l *loader) provider(path, name string, table map[string]any, kinds map[string]section.Kind) {
	named, _ := table[keyKind].(string)
	kind, known := kinds[named]
	stack := l.stack(path, table, kind, known)
	frame := tagged(reflect.TypeFor[section.Config]())
	shared, own := map[string]any{}, map[string]any{}
	for key, value := range l.values(path, stack) {
		if slices.ContainsFunc(frame, func(f field) bool { return f.key == key }) {
			shared[key] = value
		} else {
			own[key] = value
		}
	}
	if stack.declared {
		frame = append(frame, field{key: keyDeclaration})
	}
	c := providerDefaults(name)
	l.table(path, shared, reflect.ValueOf(&c).Elem())
	c.TLS.CA, c.TLS.Cert = l.existing(path+".tls.ca", c.TLS.CA), l.existing(path+".tls.cert", c.TLS.Cert)
	c.TLS.Key = l.private(path+".tls.key", c.TLS.Key)
	l.accounts(path+".accounts", c.Accounts)
	p := Provider{Config: c, Traits: anyTraits}
	p.samplesPath, p.samplesTable = stack.samplesAt(l.doc.Name, path)
	switch {
	case !known:
		l.add(path+".kind", "%.40q is not a kind of provider; known kinds: %s", c.Kind, strings.Join(slices.Sorted(maps.Keys(kinds)), ", "))
		l.addProvider(path, checkFrame(c))
	case !stack.whole: // what the section lacks may stand in what could not be read
		l.addProvider(path, checkFrame(c))
	default:
		l.try(path, &p, own, frame, kind.Open)
	}
	l.config.Providers = append(l.config.Providers, p)
}

// anyTraits are those of a provider that could not be opened: whatever is asked, it
// might be able to answer.
var anyTraits = clients.Traits{MaxReferences: math.MaxInt, MaxDespatchDays: 1, MaxInvoiceDays: 1}

// checkFrame checks what can be told of a section whose kind is not known. A kind
// may have URLs of its own and allow http on a loopback address.
func checkFrame(c section.Config) error {
	c.AllowInsecureHTTP = true
	if c.BaseURL == "" {
		return c.CheckRest()
	}
	return c.Check()
}

// try completes p, whose kind reads its own keys and is opened once on trial.
func (l *loader) try(path string, p *Provider, own map[string]any, frame []field, open section.Open) {
	c := p.Config
	var decoded bool
	p.open = func(lend Lend) (_ clients.Provider, err error) {
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
			Tokens: lend.Tokens, Sandbox: lend.Sandbox.of(c.Kind), UserAgent: lend.UserAgent, Log: lend.Log, Mask: lend.Mask, Watch: lend.Watch,
		})
	}
	trial, err := p.open(l.trial())
	l.addProvider(path, err)
	if !decoded { // the kind has no keys of its own
		l.addProvider(path, l.decode(path, own, &struct{}{}, frame))
	}
	if err != nil {
		return
	}
	if p.Traits, err = clients.TraitsOf(trial); err != nil {
		l.addProvider(path, fmt.Errorf("kind = %q panics when it is asked for its traits", c.Kind))
		return
	}
	p.Origin = c.BaseURL
	if teller, ok := trial.(clients.BaseURLProvider); ok {
		p.Origin = teller.BaseURL()
	}
	if teller, ok := trial.(clients.RedirectURIProvider); ok {
		p.redirectURI = teller.RedirectURI()
	}
	if teller, ok := trial.(clients.Noticer); ok {
		for _, text := range teller.Notices() {
			l.notice(path + ": " + text)
		}
	}
	if teller, ok := trial.(clients.AccountChecker); ok {
		p.lacks = teller.Lacks
		for _, a := range c.Accounts {
			if err := p.lacks(a); err != nil {
				l.notice(fmt.Sprintf("%s: account %s cannot be asked for orders: %s", path, a.Name, strings.ReplaceAll(err.Error(), "\n", "; ")))
			}
		}
	}
	p.samples = func(ctx context.Context) (clients.SampleReport, []*tomlfile.Error) {
		return l.checkSamples(ctx, path, p.open)
	}
	l.addProvider(path, closing(trial))
}

// closing closes a provider that was opened on trial.
func closing(p clients.Provider) error {
	if closer, ok := p.(io.Closer); ok {
		return closer.Close()
	}
	return nil
}

// trial is what a provider is lent while its section is checked: nothing that is
// opened, and the sandbox as it will be.
func (l *loader) trial() Lend {
	lend := Lend{Tokens: auth.NewMemory(), UserAgent: "orderbeat", Log: slog.New(slog.DiscardHandler)}
	if l.config.Sandbox != nil {
		listen := l.config.Sandbox.Listen
		if l.has("sandbox.listen") { // which is told already, and no provider's mistake
			listen = defaults().Sandbox.Listen
		}
		lend.Sandbox = SandboxAt(listen)
	}
	return lend
}

// decode fills a kind's own struct, as [section.Section.Decode] promises.
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
