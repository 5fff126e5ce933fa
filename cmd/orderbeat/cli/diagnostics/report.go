package diagnostics

import (
	"fmt"
	"io"
	"time"

	"orderbeat/clients"
	"orderbeat/cmd/orderbeat/cli"
	"orderbeat/cmd/orderbeat/config"
	"orderbeat/jobs"
)

// checkReport is the result of `orderbeat check`.
type checkReport struct {
	Config    string            `json:"config"`
	Database  string            `json:"database"`
	Traces    *checkedTraces    `json:"traces"`
	Providers []checkedProvider `json:"providers"`
	Schedules []checkedSchedule `json:"schedules"`
	Notices   []string          `json:"notices"`
}

// checkedTraces is where traces go; nil if nothing is traced.
type checkedTraces struct {
	Endpoint string   `json:"endpoint"`
	Sample   *float64 `json:"sample,omitempty"` // absent: as OTEL_TRACES_SAMPLER says, else all
}

type checkedProvider struct {
	Name        string           `json:"name"`
	Kind        string           `json:"kind"`
	Environment string           `json:"environment"`
	BaseURL     string           `json:"base_url"`
	Concurrency int              `json:"concurrency"`
	Rate        string           `json:"rate"`
	TokenRate   string           `json:"token_rate"`
	Attempts    int              `json:"retry_attempts"`
	RetryFor    string           `json:"retry_for"`
	Timeout     string           `json:"timeout"`
	Samples     int              `json:"samples"`
	Accounts    []checkedAccount `json:"accounts"`
}

type checkedAccount struct {
	Name     string `json:"name"`
	BillTo   string `json:"bill_to"`
	Timezone string `json:"timezone"`
}

type checkedSchedule struct {
	Name     string      `json:"name"`
	Spec     string      `json:"cron"`
	Timezone string      `json:"timezone"`
	Provider string      `json:"provider"`
	Kind     string      `json:"kind"`
	AtStart  bool        `json:"at_start"`
	Due      []time.Time `json:"due"`
}

func checked(c *config.Config, samples map[string]clients.SampleReport, now time.Time) checkReport {
	r := checkReport{Config: c.Path, Database: c.DB.Path, Providers: []checkedProvider{}, Schedules: []checkedSchedule{}, Notices: append([]string{}, c.Notices...)}
	if to := c.Telemetry; to.Endpoint != "" {
		r.Traces = &checkedTraces{to.Endpoint, to.Sample}
	}
	for _, p := range c.Providers {
		shown := checkedProvider{
			Name: p.Name, Kind: p.Kind, Environment: p.Environment, BaseURL: p.Origin, Concurrency: p.Concurrency,
			Rate: p.Rate.String(), TokenRate: p.TokenRate.String(), Attempts: p.Retry.Attempts,
			RetryFor: jobs.FormatDuration(p.Retry.For), Timeout: jobs.FormatDuration(p.Timeout), Samples: samples[p.Name].Tried, Accounts: []checkedAccount{},
		}
		for _, a := range p.Accounts {
			shown.Accounts = append(shown.Accounts, checkedAccount{Name: a.Name, BillTo: a.BillTo, Timezone: a.Location.String()})
		}
		r.Providers = append(r.Providers, shown)
		for _, warning := range samples[p.Name].Warnings {
			r.Notices = append(r.Notices, fmt.Sprintf("provider %s: sample %s", p.Name, warning))
		}
	}
	for _, s := range c.Schedules {
		r.Schedules = append(r.Schedules, checkedSchedule{
			Name: s.Name, Spec: s.Spec, Timezone: s.Location.String(), Provider: s.Provider, Kind: s.Kind,
			AtStart: s.AtStart, Due: s.Due(now, dueShown),
		})
	}
	return r
}

func (r checkReport) print(w io.Writer) error {
	fmt.Fprintf(w, "%s: OK. Database: %s\n", r.Config, r.Database)
	switch t := r.Traces; {
	case t == nil:
		fmt.Fprintln(w, "traces: off")
	case t.Sample == nil:
		fmt.Fprintf(w, "traces: to %s\n", t.Endpoint)
	default:
		fmt.Fprintf(w, "traces: to %s, sample %v\n", t.Endpoint, *t.Sample)
	}
	for _, notice := range r.Notices {
		fmt.Fprintf(w, "note: %s\n", cli.Plain(notice))
	}
	for _, p := range r.Providers {
		fmt.Fprintf(w, "\nprovider %s: kind %s, environment %s, %s\n", p.Name, p.Kind, p.Environment, cli.OrDash(p.BaseURL))
		fmt.Fprintf(w, "  %s at once, %s requests, %s token requests, %s within %s, timeout %s\n",
			cli.Count(p.Concurrency, "job"), p.Rate, p.TokenRate, cli.Count(p.Attempts, "attempt"), p.RetryFor, p.Timeout)
		if p.Samples > 0 {
			fmt.Fprintf(w, "  %s tried: OK\n", cli.Count(p.Samples, "sample"))
		}
		rows := [][]string{}
		for _, a := range p.Accounts {
			rows = append(rows, []string{"  " + a.Name, cli.OrDash(a.BillTo), a.Timezone})
		}
		if err := cli.PrintTable(w, []string{"  ACCOUNT", "BILL-TO", "ZONE"}, rows); err != nil {
			return err
		}
	}
	for _, s := range r.Schedules {
		fmt.Fprintf(w, "\nschedule %s: %s %s, cron %q in %s\n", s.Name, s.Kind, s.Provider, s.Spec, s.Timezone)
		if s.AtStart {
			fmt.Fprintln(w, "  at start")
		}
		for _, due := range s.Due {
			fmt.Fprintln(w, "  "+due.Format("Mon 2006-01-02 15:04:05 MST"))
		}
	}
	return nil
}
