package config

import (
	"cmp"
	"context"
	"errors"

	"orderbeat/auth/secret"
	"orderbeat/clients"
	"orderbeat/clients/sandbox"
	"orderbeat/clients/section"
	"orderbeat/cmd/orderbeat/config/tomlfile"
)

// CheckSamples tries the samples of every provider and returns the reports by name. The error
// joins one [*tomlfile.Error] per mistake; it is ctx's error if ctx ended.
func (c *Config) CheckSamples(ctx context.Context) (map[string]clients.SampleReport, error) {
	tried := map[string]clients.SampleReport{}
	var wrong []*tomlfile.Error
	for _, p := range c.Providers {
		report, mistakes := p.samples(ctx)
		tried[p.Name], wrong = report, append(wrong, mistakes...)
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return tried, tomlfile.Errors(c.Path, wrong)
}

// CheckSamples tries the samples of this provider. The error joins one [*tomlfile.Error] per
// mistake.
func (p Provider) CheckSamples(ctx context.Context) error {
	_, wrong := p.samples(ctx)
	return cmp.Or(ctx.Err(), tomlfile.Errors(p.SamplesPath, wrong))
}

// samplesAt returns the file and table for new samples of a section, which is at path in the file main.
func (s *overlay) samplesAt(main, path string) (file, table string) {
	switch {
	case !s.declared:
		return "", ""
	case s.file != "":
		return s.file, keySamples
	}
	return main, tomlfile.Key(path, keySamples)
}

// checkSamples opens the provider at path again and tries its samples.
func (l *loader) checkSamples(ctx context.Context, path string, open func(ProviderDeps) (clients.Provider, error)) (report clients.SampleReport, wrong []*tomlfile.Error) {
	var found mistakes
	provider, err := open(l.trial())
	if err == nil {
		if checker, ok := provider.(clients.SampleChecker); ok {
			report, err = checker.CheckSamples(ctx)
		}
		err = errors.Join(err, closeTrial(provider))
	}
	found.addProvider(path, err)
	return report, l.located(found.all)
}

// credentials are a client id and its secret. They are public.
type credentials struct{ id, secret string }

// sandboxCredentials are the credentials that the sandbox accepts, by kind of provider.
var sandboxCredentials = map[string]credentials{
	"mazda":     {sandbox.MazdaClientID, sandbox.MazdaClientSecret},
	"michelin":  {sandbox.ClientID, sandbox.ClientSecret},
	"microbilt": {sandbox.MicrobiltClientID, sandbox.MicrobiltClientSecret},
	"ptv":       {sandbox.PTVClientID, sandbox.PTVClientSecret},
	"shell":     {sandbox.ShellClientID, sandbox.ShellClientSecret},
}

// sandboxOf returns the sandbox at url with the credentials for a kind of provider.
func sandboxOf(url, kind string) section.Sandbox {
	return section.Sandbox{URL: url, ClientID: secret.New(sandboxCredentials[kind].id), ClientSecret: secret.New(sandboxCredentials[kind].secret)}
}
