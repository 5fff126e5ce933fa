package page

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"orderbeat/clients"
	"orderbeat/clients/plain"
	"orderbeat/db/documents"
	"orderbeat/db/orders"
	"orderbeat/db/outbox"
	"orderbeat/db/reports"
	"orderbeat/worker/api"
)

type orderBody struct {
	Order     orders.StoredOrder
	Documents documents.OrderDocuments
	Timeline  []revisionRow
	Earlier   string // address of earlier revisions
	Plot      *plot
}

// revisionRow is one entry of the timeline.
type revisionRow struct {
	reports.Revision
	Document  string // summary of a despatch advice or an invoice, on one line
	Changes   []changeRow
	More      int // changes that are not shown
	Exchanges []reports.JobExchange
}

// changeRow is one change as text.
type changeRow struct{ Path, Before, After string }

const (
	// maxChanges bounds the changes of a revision, and maxExchanges the exchanges of a timeline.
	maxChanges   = 40
	maxExchanges = 400
	// maxLines bounds the lines of an order that are shown.
	maxLines = 500
)

// order shows an order with its timeline.
func (p *Page) order(rw http.ResponseWriter, r *http.Request) error {
	ctx, get := r.Context(), r.URL.Query().Get
	provider, account, id := get("provider"), get("account"), get("id")
	var b orderBody
	var found bool
	var err error
	if b.Order, found, err = p.DB.Order(ctx, provider, account, id); err != nil {
		return err
	}
	if !found {
		return notFound("This order is not stored.")
	}
	b.Order.Lines = b.Order.Lines[:min(len(b.Order.Lines), maxLines)]
	if b.Documents, err = p.DB.Documents(ctx, provider, account, id); err != nil {
		return err
	}
	before, _ := strconv.Atoi(get("before")) // 0 if missing or not a number
	revisions, err := p.DB.Reports().Timeline(ctx, provider, account, id, before, maxRows)
	if err != nil {
		return err
	}
	if len(revisions) == maxRows {
		b.Earlier = query("/ui/order", "provider", provider, "account", account, "id", id, "before", revisions[maxRows-1].Revision)
	}
	jobIDs := make([]string, len(revisions))
	for i, v := range revisions {
		jobIDs[i] = v.JobID
	}
	exchanges, err := p.DB.Reports().ExchangesOf(ctx, slices.Compact(slices.Sorted(slices.Values(jobIDs))), maxExchanges)
	if err != nil {
		return err
	}
	for _, v := range revisions {
		row := revisionOf(v, maxChanges)
		row.Exchanges = exchanges[v.JobID]
		b.Timeline = append(b.Timeline, row)
	}
	promises, err := p.DB.Reports().Promises(ctx, provider, account, id)
	if err != nil {
		return err
	}
	b.Plot = promisePlot(promises)
	return p.show(rw, r, http.StatusOK, "order.html", "orders", "Order "+id, b)
}

// revisionOf returns the row of a revision with up to limit changes, the changes of the order itself first.
func revisionOf(v reports.Revision, limit int) revisionRow {
	row := revisionRow{Revision: v}
	if (v.Type == outbox.TypeOrderDespatched || v.Type == outbox.TypeOrderInvoiced) && len(v.Changes) > 0 {
		row.Document = documentText(v.Type, v.Changes[0].After)
		return row
	}
	changes := slices.Clone(v.Changes)
	slices.SortStableFunc(changes, func(a, b reports.Change) int { return strings.Count(a.Path, "/") - strings.Count(b.Path, "/") })
	if len(changes) > limit {
		changes, row.More = changes[:limit], len(changes)-limit
	}
	for _, c := range changes {
		row.Changes = append(row.Changes, changeRow{c.Path, valueText(c.Path, c.Before), valueText(c.Path, c.After)})
	}
	return row
}

// valueText returns one value of a change, before or after, on one line.
func valueText(path string, raw json.RawMessage) string {
	const most = 120
	text := string(raw)
	var s string
	switch {
	case isNull(raw):
		return "–"
	case strings.HasSuffix(path, "/schedule"):
		text = scheduleText(raw)
	case strings.HasSuffix(path, "/despatches"):
		text = despatchesText(raw)
	case json.Unmarshal(raw, &s) == nil:
		text = s
	case raw[0] == '{':
		text = "line"
	}
	if text = plain.Line(text); len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "…"
	}
	return text
}

func scheduleText(raw json.RawMessage) string {
	var list []clients.ScheduleLine
	if json.Unmarshal(raw, &list) != nil {
		return string(raw)
	}
	parts := make([]string, len(list))
	for i, l := range list {
		parts[i] = dash(l.DeliveryOn) + ": " + dash(api.Quantities(l.Amounts))
	}
	return dash(strings.Join(parts, "; "))
}

func despatchesText(raw json.RawMessage) string {
	var list []clients.Despatch
	if json.Unmarshal(raw, &list) != nil {
		return string(raw)
	}
	parts := make([]string, len(list))
	for i, d := range list {
		parts[i] = d.Quantity.String() + " on " + dash(d.DespatchedOn)
	}
	return dash(strings.Join(parts, "; "))
}

// documentText returns a summary of a despatch advice or an invoice on one line.
func documentText(event string, document json.RawMessage) string {
	if event == outbox.TypeOrderInvoiced {
		var i clients.Invoice
		if json.Unmarshal(document, &i) != nil {
			return ""
		}
		return "Invoice " + i.Number + ": " + strings.TrimSpace(dash(i.TotalAmount)+" "+string(i.Currency)) + ", due " + dash(i.DueOn)
	}
	var a clients.Advice
	if json.Unmarshal(document, &a) != nil {
		return ""
	}
	text := "Despatch advice " + a.AdviceID + ": left " + dash(a.DespatchedOn) + " with " + dash(a.Carrier) + ", expected " + dash(a.ExpectedOn)
	if len(a.Tracking) > 0 {
		text += ", tracking " + strings.Join(a.Tracking, " ")
	}
	return text
}

// promisePlot plots the promised dates over time, nil if there is nothing to plot. A promise is valid until
// the next revision.
func promisePlot(promises []reports.Promise) *plot {
	pl := &plot{
		Name: "promise", Title: "Promised dates over time", Dates: true,
		Series: []series{{Label: "earliest open promise", Color: 1}, {Label: "latest promise", Color: 2}},
	}
	point := func(at int64, p reports.Promise) {
		pl.X = append(pl.X, at)
		pl.Series[0].Y = append(pl.Series[0].Y, dateValue(p.Earliest))
		pl.Series[1].Y = append(pl.Series[1].Y, dateValue(p.Latest))
	}
	known := false
	for i, p := range promises {
		at := p.ObservedAt.Unix()
		if i > 0 && at > pl.X[len(pl.X)-1]+1 {
			point(at-1, promises[i-1])
		}
		if i == 0 || at > pl.X[len(pl.X)-1] {
			point(at, p)
		}
		known = known || p.Latest != ""
	}
	if !known {
		return nil
	}
	if now := time.Now().Unix(); now > pl.X[len(pl.X)-1] {
		point(now, promises[len(promises)-1])
	}
	return pl
}

// dateValue returns a date in Unix seconds, nil if there is none.
func dateValue(d clients.Date) *float64 {
	if d == "" {
		return nil
	}
	v := float64(d.Time().Unix())
	return &v
}
