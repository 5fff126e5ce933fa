package provider

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"orderbeat/clients/declared"
	"orderbeat/cmd/orderbeat/cli"
	"orderbeat/cmd/orderbeat/config"
)

// checkSampleable returns an error if responses of a provider cannot be saved as samples.
func checkSampleable(p config.Provider, client *declared.Client) error {
	if p.SamplesPath == "" || client == nil {
		return cli.Misuse("--save-sample: kind %q is not declared and has no samples", p.Kind)
	}
	if err := client.MaySample(); err != nil {
		return cli.Misuse("--save-sample: %w", err)
	}
	return nil
}

// saveSample adds a response to the provider's declaration as a sample. If that would make
// the configuration invalid, it restores the file.
func saveSample(ctx context.Context, a *cli.App, p config.Provider, client *declared.Client, first declared.First, name string) (*savedSample, error) {
	if name == "" {
		name = "tried on " + time.Now().Format(time.DateOnly)
	}
	sample, err := client.Sample(ctx, first, name)
	if err != nil {
		return nil, err
	}
	path := p.SamplesPath
	before, err := appendTable(path, "[["+p.SamplesTable+"]]\n"+sample.Text)
	if err != nil {
		return nil, err
	}
	if err := checkAgain(ctx, a, p.Name); err != nil {
		return nil, errors.Join(fmt.Errorf("the sample would make %s invalid; it was not added: %w", path, err), replaceFile(path, before))
	}
	return &savedSample{File: path, Name: name, Orders: sample.Orders}, nil
}

// checkAgain reloads the configuration and tries the samples of a provider.
func checkAgain(ctx context.Context, a *cli.App, provider string) error {
	conf, err := a.Load()
	if e, ok := errors.AsType[*cli.ExitError](err); ok {
		return e.Err // it is not a usage error
	}
	if err != nil {
		return err
	}
	for _, p := range conf.Providers {
		if p.Name == provider {
			return p.CheckSamples(ctx)
		}
	}
	return fmt.Errorf("provider %s no longer exists", provider)
}

// appendTable appends a TOML table to a file with the file's own line endings, and returns
// the previous content, which is not changed.
func appendTable(path, table string) (before []byte, err error) {
	if before, err = os.ReadFile(path); err != nil {
		return nil, err
	}
	newline := []byte("\n")
	if bytes.Contains(before, []byte("\r\n")) {
		newline = []byte("\r\n")
	}
	after := bytes.Clone(before)
	if len(after) > 0 && !bytes.HasSuffix(after, []byte("\n")) {
		after = append(after, newline...)
	}
	after = append(after, newline...)
	after = append(after, bytes.ReplaceAll([]byte(table), []byte("\n"), newline)...)
	return before, replaceFile(path, after)
}

// replaceFile replaces the content of a file atomically and keeps its mode. Symbolic links
// are followed.
func replaceFile(path string, content []byte) error {
	path, err := filepath.EvalSymlinks(path)
	if err != nil {
		return err
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err = errors.Join(err, f.Chmod(info.Mode().Perm()), f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}
