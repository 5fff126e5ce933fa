package page

import (
	"net/http"
	"strconv"

	"orderbeat/clients/exchange"
	"orderbeat/db/exchanges"
)

type exchangesBody struct {
	Provider, Account, RunID, JobID string
	Failed                          bool
	Choices                         choices
	List                            exchanges.ExchangePage
	Next                            string
}

// exchanges lists recorded exchanges, the latest first.
func (p *Page) exchanges(rw http.ResponseWriter, r *http.Request) error {
	get := r.URL.Query().Get
	b := exchangesBody{Provider: get("provider"), Account: get("account"), RunID: get("run"), JobID: get("job"), Failed: get("failed") != "", Choices: choicesOf(p.Providers())}
	before, _ := strconv.ParseInt(get("before"), 10, 64) // 0 if missing or not a number
	var err error
	b.List, err = p.DB.ExchangePage(r.Context(), exchanges.ExchangeFilter{
		Provider: b.Provider, Account: b.Account, RunID: b.RunID, JobID: b.JobID, Failed: b.Failed, Before: before, Limit: maxRows,
	})
	if err != nil {
		return err
	}
	if b.List.Before > 0 {
		b.Next = query("/ui/exchanges", "provider", b.Provider, "account", b.Account, "run", b.RunID, "job", b.JobID, "failed", get("failed"), "before", b.List.Before)
	}
	return p.show(rw, r, http.StatusOK, "exchanges.html", "exchanges", "Exchanges", b)
}

type exchangeBody struct {
	Row                       exchanges.ExchangeRow
	Exchange                  exchange.Exchange
	RequestBody, ResponseBody string
}

// exchange shows a recorded request and its response, which were redacted before they were stored.
func (p *Page) exchange(rw http.ResponseWriter, r *http.Request) error {
	id, err := strconv.ParseInt(r.URL.Query().Get("id"), 10, 64)
	if err != nil {
		return notFound("There is no such exchange.")
	}
	var b exchangeBody
	var found bool
	if b.Row, b.Exchange, found, err = p.DB.Exchange(r.Context(), id); err != nil {
		return err
	}
	if !found {
		return notFound("This exchange was not recorded, or was deleted when db.retention ended.")
	}
	response, err := b.Exchange.Body()
	if err != nil {
		return err
	}
	b.RequestBody, b.ResponseBody = body(b.Exchange.RequestBody), body(string(response))
	return p.show(rw, r, http.StatusOK, "exchange.html", "exchanges", "Exchange "+strconv.FormatInt(id, 10), b)
}
