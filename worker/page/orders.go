package page

import (
	"encoding/csv"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"orderbeat/clients"
	"orderbeat/clients/plain"
	"orderbeat/db/reports"
	"orderbeat/jobs"
	"orderbeat/worker/settings"
)

// orderQuery is the query of the list of orders, as in its form.
type orderQuery struct {
	Provider, Account, Status, Search, Since, Sort string
	Late                                           bool
}

type ordersBody struct {
	Query    orderQuery
	Choices  choices
	Statuses []clients.Status
	Sorts    []string
	Page     reports.OrderPage
	Next     string // address of the next page
	CSV      string
}

// choices has the options of the filters.
type choices struct{ Providers, Accounts []string }

func choicesOf(providers []settings.Provider) (c choices) {
	for _, p := range providers {
		c.Providers = append(c.Providers, p.Name)
		for _, a := range p.Accounts {
			if !slices.Contains(c.Accounts, a.Name) {
				c.Accounts = append(c.Accounts, a.Name)
			}
		}
	}
	return c
}

// orderFilter reads the query of a list of orders.
func orderFilter(r *http.Request) (q orderQuery, f reports.OrderFilter, err error) {
	get := r.URL.Query().Get
	q = orderQuery{
		Provider: get("provider"), Account: get("account"), Status: get("status"), Search: get("q"), Since: get("since"), Sort: get("sort"), Late: get("late") != "",
	}
	f = reports.OrderFilter{
		Provider: q.Provider, Account: q.Account, Status: clients.Status(q.Status), Search: q.Search, Late: q.Late, Sort: q.Sort,
		Limit: maxRows, Cursor: get("cursor"),
	}
	if q.Status != "" && !slices.Contains(clients.Statuses, f.Status) {
		return q, f, invalid(fmt.Sprintf("There is no status %.40q.", q.Status))
	}
	if q.Sort != "" && !slices.Contains(reports.Sorts, q.Sort) {
		return q, f, invalid(fmt.Sprintf("There is no sort order %.40q.", q.Sort))
	}
	f.ChangedSince, err = since(q.Since)
	return q, f, err
}

// since parses the time in a form: a duration before now, or a day (UTC).
func since(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if d, err := jobs.ParseDuration(text); err == nil && d > 0 {
		return time.Now().Add(-d), nil
	}
	day, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return day, invalid(fmt.Sprintf("%.40q is neither a duration such as 24h or 14d, nor a day such as 2026-01-31.", text))
	}
	return day, nil
}

func (q orderQuery) address(path, cursor string) string {
	late := ""
	if q.Late {
		late = "1"
	}
	return query(path, "provider", q.Provider, "account", q.Account, "status", q.Status, "q", q.Search, "since", q.Since, "sort", q.Sort, "late", late, "cursor", cursor)
}

// orders lists orders.
func (p *Page) orders(rw http.ResponseWriter, r *http.Request) error {
	q, filter, err := orderFilter(r)
	if err != nil {
		return err
	}
	page, err := p.DB.Reports().Orders(r.Context(), filter)
	if errors.Is(err, reports.ErrCursor) {
		return invalid("The cursor of the page is invalid.")
	}
	if err != nil {
		return err
	}
	b := ordersBody{Query: q, Choices: choicesOf(p.Providers()), Statuses: clients.Statuses, Sorts: reports.Sorts, Page: page, CSV: q.address("/ui/orders.csv", "")}
	if page.Cursor != "" {
		b.Next = q.address("/ui/orders", page.Cursor)
	}
	return p.show(rw, r, http.StatusOK, "orders.html", "orders", "Orders", b)
}

// maxCSV bounds the number of orders in a CSV file, csvPage the number that are read at once.
const (
	maxCSV  = 100_000
	csvPage = 1000
)

var csvHeader = []string{
	"provider", "account", "order_id", "reference", "ordered_on", "method", "status", "ordered_quantity", "shipped_quantity",
	"open_quantity", "promised_on", "next_promised_on", "days_late", "revision", "first_seen_at", "last_seen_at", "last_changed_at",
	"not_found_since",
}

// ordersCSV writes the orders of a list as CSV, as the command orders does.
func (p *Page) ordersCSV(rw http.ResponseWriter, r *http.Request) error {
	_, filter, err := orderFilter(r)
	if err != nil {
		return err
	}
	filter.Limit = csvPage
	page, err := p.DB.Reports().Orders(r.Context(), filter)
	if err != nil {
		return err
	}
	rw.Header().Set("Content-Type", "text/csv; charset=utf-8")
	rw.Header().Set("Content-Disposition", `attachment; filename="orders.csv"`)
	out := csv.NewWriter(plain.NewWriter(rw))
	rows := [][]string{csvHeader}
	for n := 0; ; {
		for i := range page.Orders {
			rows = append(rows, csvRow(&page.Orders[i]))
		}
		if err := out.WriteAll(rows); err != nil {
			return nil //nolint:nilerr // the browser has disconnected
		}
		if n += len(page.Orders); page.Cursor == "" || n >= maxCSV {
			return nil
		}
		filter.Cursor, rows = page.Cursor, nil
		if page, err = p.DB.Reports().Orders(r.Context(), filter); err != nil {
			p.Log.Warn("page failed", "page", r.URL.Path, "err", err)
			panic(http.ErrAbortHandler) // makes the download fail instead of truncating the file
		}
	}
}

func csvRow(o *reports.OrderRow) []string {
	known := func(q clients.Quantity) string {
		if !q.Known {
			return ""
		}
		return q.String()
	}
	notFound := ""
	if o.NotFoundSince != nil {
		notFound = instant(*o.NotFoundSince)
	}
	return []string{
		plain.Cell(o.Provider), plain.Cell(o.Account), plain.Cell(o.OrderID), plain.Cell(string(o.Reference)), string(o.OrderedOn),
		plain.Cell(string(o.Method)), string(o.Status), known(o.Ordered), known(o.Shipped), known(o.Open), string(o.PromisedOn),
		string(o.NextPromisedOn), fmt.Sprint(o.DaysLate), fmt.Sprint(o.Revision), instant(o.FirstSeenAt), instant(o.LastSeenAt),
		instant(o.ChangedAt), notFound,
	}
}
