package config

import (
	"cmp"
	"context"
	"errors"

	"orderbeat/clients"
	"orderbeat/cmd/orderbeat/config/tomlfile"
)

// CheckSamples has every provider try its samples, and returns what each found, by its
// name. The error joins an [*tomlfile.Error] for everything that is wrong; it is ctx's when
// that ended.
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

// CheckSamples has the provider alone try its samples. The error joins an [*tomlfile.Error] for
// everything that is wrong.
func (p Provider) CheckSamples(ctx context.Context) error {
	_, wrong := p.samples(ctx)
	return cmp.Or(ctx.Err(), tomlfile.Errors(p.samplesPath, wrong))
}

// SamplesAt tells where a further sample of the provider belongs: the file of its
// declaration, or else of its section, and the name of the [[table]] there. Both are ""
// for a kind that is not declared.
func (p Provider) SamplesAt() (path, table string) { return p.samplesPath, p.samplesTable }

// samplesAt is where further samples belong of a section at path of the file main.
func (s *stack) samplesAt(main, path string) (file, table string) {
	switch {
	case !s.declared:
		return "", ""
	case s.file != "":
		return s.file, keySamples
	}
	return main, tomlfile.Key(path, keySamples)
}

// checkSamples opens the provider at path once more and has it try its samples.
func (l *loader) checkSamples(ctx context.Context, path string, open func(Lend) (clients.Provider, error)) (report clients.SampleReport, wrong []*tomlfile.Error) {
	var found mistakes
	provider, err := open(l.trial())
	if err == nil {
		if checker, ok := provider.(clients.SampleChecker); ok {
			report, err = checker.CheckSamples(ctx)
		}
		err = errors.Join(err, closing(provider))
	}
	found.addProvider(path, err)
	return report, l.located(found.all)
}
