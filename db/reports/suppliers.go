package reports

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"orderbeat/clients/plain"
	"orderbeat/db/sqlite"
)

// Groups are what supplier performance is grouped by.
var Groups = []string{"provider", "account", "article", "month"}

// SupplierFilter selects what supplier performance is computed from.
type SupplierFilter struct {
	By                string // one of [Groups]
	Provider, Account string
	From              string // month, such as "2026-01": the first promise is then or later
	Limit             int
}

// Performance is how suppliers kept their first promises, for a group of lines.
type Performance struct {
	Provider  string `json:"provider,omitempty"`
	Account   string `json:"account,omitempty"`
	ArticleID string `json:"article_id,omitempty"`
	Month     string `json:"month,omitempty"`
	// Lines counts promised lines. Slipped counts those whose last promise is after the first one, by SlipDays in
	// total; Moves counts all changes of promised dates.
	Lines    int64 `json:"lines"`
	Slipped  int64 `json:"slipped"`
	Moves    int64 `json:"moves"`
	SlipDays int64 `json:"slip_days"`
	// Despatched counts complete lines; the following fields compare the last despatch with the first promise.
	Despatched int64 `json:"despatched"`
	Early      int64 `json:"early"`
	OnTime     int64 `json:"on_time"`
	Late1to3   int64 `json:"late_1_3"`
	Late4to7   int64 `json:"late_4_7"`
	Late8      int64 `json:"late_8"`
	DaysLate   int64 `json:"days_late"` // sum over late lines
	// EndedOrdered and EndedShipped are quantities of lines that are shipped, delivered or cancelled.
	EndedOrdered int64 `json:"ended_ordered"`
	EndedShipped int64 `json:"ended_shipped"`
}

// PerformanceColumns are the names of [Performance.Cells].
var PerformanceColumns = []string{
	"provider", "account", "article_id", "month", "lines", "slipped", "moves", "slip_days", "despatched", "early", "on_time",
	"late_1_3", "late_4_7", "late_8", "days_late", "ended_ordered", "ended_shipped",
}

// Cells are the cells of a row of a CSV file.
func (p Performance) Cells() []string {
	cells := []string{plain.Cell(p.Provider), plain.Cell(p.Account), plain.Cell(p.ArticleID), p.Month}
	for _, n := range []int64{
		p.Lines, p.Slipped, p.Moves, p.SlipDays, p.Despatched, p.Early, p.OnTime, p.Late1to3, p.Late4to7, p.Late8, p.DaysLate, p.EndedOrdered, p.EndedShipped,
	} {
		cells = append(cells, strconv.FormatInt(n, 10))
	}
	return cells
}

// Late is the number of lines that were despatched after their first promise.
func (p Performance) Late() int64 { return p.Late1to3 + p.Late4to7 + p.Late8 }

// Kept is the number of lines that were despatched by their first promise.
func (p Performance) Kept() int64 { return p.Early + p.OnTime }

// Suppliers returns supplier performance by group, the groups with most lines first, or the latest
// month first. more is set if the limit cut it.
func (r *Reports) Suppliers(ctx context.Context, f SupplierFilter) (list []Performance, more bool, err error) {
	query, args, err := f.query()
	if err != nil {
		return nil, false, err
	}
	list, err = sqlite.Fetch(ctx, r.bulk, func(rows *sql.Rows) (p Performance, err error) {
		err = rows.Scan(&p.Provider, &p.Account, &p.ArticleID, &p.Month, &p.Lines, &p.Slipped, &p.Moves, &p.SlipDays, &p.Despatched, &p.Early,
			&p.OnTime, &p.Late1to3, &p.Late4to7, &p.Late8, &p.DaysLate, &p.EndedOrdered, &p.EndedShipped)
		return p, err
	}, query, args...)
	if more = len(list) > f.Limit; more {
		list = list[:f.Limit]
	}
	return list, more, err
}

func (f SupplierFilter) query() (string, []any, error) {
	if !slices.Contains(Groups, f.By) {
		return "", nil, fmt.Errorf("unknown group %.40q (%s)", f.By, strings.Join(Groups, ", "))
	}
	columns := map[string][]string{
		"provider": {"provider"}, "account": {"provider", "account"}, "article": {"provider", "article_id"}, "month": {"provider", "month"},
	}[f.By]
	shown := make([]string, 0, 4)
	for _, c := range []string{"provider", "account", "article_id", "month"} {
		if slices.Contains(columns, c) {
			shown = append(shown, c)
		} else {
			shown = append(shown, "''")
		}
	}
	order := "5 DESC, 1, 2, 3"
	if f.By == "month" {
		order = "4 DESC, 1"
	}
	var w sqlite.Where
	switch {
	case f.By != "article":
		w.And("level = ?", levelAccount)
	case f.Account == "":
		w.And("level = ? AND account = ''", levelArticle)
	default:
		w.And("level = ?", levelBoth)
	}
	if w.Add("provider = ?", f.Provider); f.Provider == "" {
		w.And("provider IN (SELECT DISTINCT provider FROM supplier_months WHERE level = 'account')")
	}
	w.Add("account = ?", f.Account)
	w.And("month >= ?", f.From)
	query := "SELECT " + strings.Join(shown, ", ") + `, sum(lines), sum(slipped), sum(moves), sum(slip_days), sum(despatched), sum(early), sum(on_time),
       sum(late_1_3), sum(late_4_7), sum(late_8), sum(days_late), sum(ended_ordered), sum(ended_shipped)
  FROM supplier_months` + w.SQL() + " GROUP BY " + strings.Join(columns, ", ") + " HAVING sum(lines) > 0 ORDER BY " + order + " LIMIT ?"
	return query, append(w.Args, f.Limit+1), nil
}

// MonthOf is the month of a time, as in [SupplierFilter].
func MonthOf(t time.Time) string { return t.UTC().Format("2006-01") }
