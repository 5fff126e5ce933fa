package page

import (
	"encoding/csv"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"orderbeat/clients/plain"
	"orderbeat/db/reports"
)

type suppliersBody struct {
	By, Provider, Account string
	Months                int
	From                  string
	Groups                []string
	Periods               []int
	Choices               choices
	Total                 reports.Performance
	Rows                  []reports.Performance
	More                  bool
	Plots                 []*plot
	CSV                   string
}

// supplierPeriods has the selectable periods of supplier performance, in months.
var supplierPeriods = []int{1, 3, 6, 13}

const (
	defaultMonths  = 6
	maxSupplierRow = 200
)

// suppliers shows how reliably suppliers delivered on the promised dates.
func (p *Page) suppliers(rw http.ResponseWriter, r *http.Request) error {
	ctx, get := r.Context(), r.URL.Query().Get
	b := suppliersBody{
		By: get("by"), Provider: get("provider"), Account: get("account"), Months: defaultMonths, Groups: reports.Groups, Periods: supplierPeriods,
		Choices: choicesOf(p.Providers()),
	}
	if b.By == "" {
		b.By = reports.Groups[0]
	}
	if text := get("months"); text != "" {
		b.Months, _ = strconv.Atoi(text)
	}
	if !slices.Contains(supplierPeriods, b.Months) || !slices.Contains(reports.Groups, b.By) {
		return invalid("There is no such period or group.")
	}
	now := time.Now().UTC()
	b.From = reports.MonthOf(time.Date(now.Year(), now.Month()-time.Month(b.Months-1), 1, 0, 0, 0, 0, time.UTC))
	filter := reports.SupplierFilter{By: b.By, Provider: b.Provider, Account: b.Account, From: b.From, Limit: maxSupplierRow}
	store := p.DB.Reports()
	var err error
	if b.Rows, b.More, err = store.Suppliers(ctx, filter); err != nil {
		return err
	}
	if get("format") == "csv" {
		return suppliersCSV(rw, b.Rows)
	}
	filter.By = "month"
	months, _, err := store.Suppliers(ctx, filter)
	if err != nil {
		return err
	}
	for _, m := range months {
		b.Total = add(b.Total, m)
	}
	b.Plots = performancePlots(months)
	b.CSV = query("/ui/suppliers", "by", b.By, "months", b.Months, "provider", b.Provider, "account", b.Account, "format", "csv")
	return p.show(rw, r, http.StatusOK, "suppliers.html", "suppliers", "Supplier performance", b)
}

func add(a, b reports.Performance) reports.Performance {
	a.Lines, a.Slipped, a.Moves, a.SlipDays = a.Lines+b.Lines, a.Slipped+b.Slipped, a.Moves+b.Moves, a.SlipDays+b.SlipDays
	a.Despatched, a.Early, a.OnTime = a.Despatched+b.Despatched, a.Early+b.Early, a.OnTime+b.OnTime
	a.Late1to3, a.Late4to7, a.Late8, a.DaysLate = a.Late1to3+b.Late1to3, a.Late4to7+b.Late4to7, a.Late8+b.Late8, a.DaysLate+b.DaysLate
	a.EndedOrdered, a.EndedShipped = a.EndedOrdered+b.EndedOrdered, a.EndedShipped+b.EndedShipped
	return a
}

// maxPlotted is the maximum number of providers in a plot, the first ones of the latest month.
const maxPlotted = 4

// performancePlots plots the months of each provider.
func performancePlots(months []reports.Performance) []*plot {
	var all, providers []string
	for _, m := range months {
		if !slices.Contains(all, m.Month) {
			all = append(all, m.Month)
		}
		if !slices.Contains(providers, m.Provider) && len(providers) < maxPlotted {
			providers = append(providers, m.Provider)
		}
	}
	if len(all) < 2 {
		return nil // a line needs two points
	}
	slices.Sort(all)
	kept := &plot{Name: "kept", Title: "Despatched by the first promise", Unit: "%", Months: true}
	slipped := &plot{Name: "slipped", Title: "Promises that slipped", Unit: "%", Months: true}
	for _, month := range all {
		at, _ := time.Parse("2006-01", month) // stored by this program
		kept.X, slipped.X = append(kept.X, at.Unix()), append(slipped.X, at.Unix())
	}
	for i, provider := range providers {
		k, s := series{Label: provider, Color: i + 1, Y: make([]*float64, len(all))}, series{Label: provider, Color: i + 1, Y: make([]*float64, len(all))}
		for _, m := range months {
			if m.Provider == provider {
				at := slices.Index(all, m.Month)
				k.Y[at], s.Y[at] = share(m.Kept(), m.Despatched), share(m.Slipped, m.Lines)
			}
		}
		kept.Series, slipped.Series = append(kept.Series, k), append(slipped.Series, s)
	}
	return []*plot{kept, slipped}
}

// share returns a percentage with one decimal, nil if whole is 0.
func share(part, whole int64) *float64 {
	if whole == 0 {
		return nil
	}
	v := float64(part*1000/whole) / 10
	return &v
}

func suppliersCSV(rw http.ResponseWriter, rows []reports.Performance) error {
	rw.Header().Set("Content-Type", "text/csv; charset=utf-8")
	rw.Header().Set("Content-Disposition", `attachment; filename="suppliers.csv"`)
	out := csv.NewWriter(plain.NewWriter(rw))
	cells := [][]string{reports.PerformanceColumns}
	for _, p := range rows {
		cells = append(cells, p.Cells())
	}
	_ = out.WriteAll(cells) // the browser may have disconnected
	return nil
}

// Bars returns the shares of despatched lines by how late they were, in percent.
func (suppliersBody) Bars(p reports.Performance) []bar {
	var bars []bar
	x := 0.0
	for _, part := range []struct {
		n            int64
		class, label string
	}{
		{p.Early, "b1", "early"},
		{p.OnTime, "b2", "on the day"},
		{p.Late1to3, "b3", "1 to 3 days late"},
		{p.Late4to7, "b4", "4 to 7 days late"},
		{p.Late8, "b5", "8 days late or more"},
	} {
		if part.n > 0 && p.Despatched > 0 {
			width := 100 * float64(part.n) / float64(p.Despatched)
			bars = append(bars, bar{X: x, Width: width, Class: part.class, Label: fmt.Sprintf("%s: %d", part.label, part.n)})
			x += width
		}
	}
	return bars
}

type bar struct {
	X, Width     float64
	Class, Label string
}
