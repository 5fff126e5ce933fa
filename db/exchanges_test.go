package db_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"orderbeat/clients"
	"orderbeat/clients/clienttest"
	"orderbeat/clients/exchange"
	"orderbeat/clients/michelin"
	"orderbeat/db"
	"orderbeat/db/dbtest"
	"orderbeat/db/exchanges"
	"orderbeat/db/retention"
	"orderbeat/jobs"
)

const (
	page      = `<html><h1>Maintenance</h1><input name="state" value="canary-state"></html>`
	pageShown = `<html><h1>Maintenance</h1><input name="state" value="REDACTED"></html>`
)

// michelinWith is Michelin with body as the response of the order status API.
func michelinWith(t *testing.T, body string) clients.Provider {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/token") {
			fmt.Fprint(w, `{"access_token":"canary-token","token_type":"Bearer"}`)
			return
		}
		w.Header().Set("Content-Type", "text/html")
		w.Header().Set("Set-Cookie", "sid=canary-cookie")
		fmt.Fprint(w, body)
	}))
	t.Cleanup(server.Close)
	p, err := michelin.Open(clienttest.Section("michelin", server.URL))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.(io.Closer).Close() })
	return p
}

// perform makes one attempt at a job of the account detroit.
func perform(t *testing.T, p clients.Provider, job jobs.Job) jobs.Outcome {
	t.Helper()
	account := clients.Account{Name: "detroit", BillTo: "1111111", ShipTo: "1234567"}
	out, err := jobs.Perform(t.Context(), p, account, job, clients.Retry{Attempts: 8, For: 1000 * time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// recorded returns the rows of a job, oldest first, with the deterministic columns.
func recorded(t *testing.T, d *db.DB, job string) string {
	t.Helper()
	rows, err := d.Inspect().Value(t.Context(), `SELECT coalesce(group_concat(concat_ws('|', run_id = substr(job_id, 1, 26), provider, account, op, method,
		url LIKE 'http://%/order/amn/C1_1/status', status, length(started_at), duration_ms >= 0, request_body LIKE '%1111111%',
		response_body, response_bytes, truncated, error_code, error), char(10)), '') FROM (SELECT * FROM exchanges WHERE job_id = ? ORDER BY exchange_id)`, job)
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

func TestUnreadableResponseIsRecordedWithItsJob(t *testing.T) {
	d, p := dbtest.Open(t), michelinWith(t, page)
	_, js := dbtest.Start(t, d, 1)
	job := js[0]
	job.FirstAt = time.Now()

	first := perform(t, p, job)
	if first.State != jobs.Waiting {
		t.Fatalf("got %s, %v, want a retry", first.State, first.Err)
	}
	dbtest.Commit(t, d, first)
	row := fmt.Sprintf("1|michelin|detroit|order status|POST|1|200|24|1|1|%s|%d|0|bad_response|the response is not an EDIWheel C1 document: it is not JSON", pageShown, len(page))
	if diff := cmp.Diff(row, recorded(t, d, job.ID)); diff != "" {
		t.Errorf("after one attempt (-want +got):\n%s", diff)
	}
	if c := dbtest.Commit(t, d, first); !c.Repeated {
		t.Errorf("got %+v, want that this attempt is known", c)
	}
	job.Attempt = 2
	dbtest.Commit(t, d, perform(t, p, job))
	if diff := cmp.Diff(row+"\n"+row, recorded(t, d, job.ID)); diff != "" {
		t.Errorf("after two attempts, one of them committed twice (-want +got):\n%s", diff)
	}

	hint, err := d.Inspect().Value(t.Context(), "SELECT hint FROM failed_jobs WHERE job_id = ?", job.ID)
	if err != nil {
		t.Fatal(err)
	}
	_, query, ok := strings.Cut(hint, "the response is recorded: ")
	if !ok {
		t.Fatalf("got the hint %q, want the location of the recorded response", hint)
	}
	headers, err := d.Inspect().Value(t.Context(), strings.Replace(query, "*", "request_headers || response_headers", 1))
	if err != nil || !strings.Contains(headers, "Set-Cookie: REDACTED\n") || strings.Contains(headers, "canary") || strings.Contains(headers, "\r") {
		t.Errorf("got %q and %v, want the headers, without secrets", headers, err)
	}
}

// unreadable is the outcome of a job with an unreadable response.
func unreadable(job jobs.Job) jobs.Outcome {
	o := dbtest.Failed(job, jobs.Failed, dbtest.Noon)
	o.Err = &clients.Error{Code: clients.CodeBadResponse, Message: "it is not JSON"}
	o.Exchanges = []exchange.Exchange{{Method: "GET", URL: "/", StartedAt: dbtest.Noon, Code: string(o.Err.Code), Message: o.Err.Message}}
	return o
}

func TestMissingExchangeFieldsAreNULL(t *testing.T) {
	d := dbtest.Open(t)
	_, js := dbtest.Start(t, d, 1)
	dbtest.Commit(t, d, unreadable(js[0]))
	got, err := d.Inspect().Value(t.Context(), `SELECT count(*) FROM exchanges WHERE job_id = ? AND status IS NULL AND request_headers IS NULL AND request_body IS NULL
		AND response_headers IS NULL AND response_body IS NULL AND started_at = '2026-11-20T12:00:00.000Z'`, js[0].ID)
	if err != nil || got != "1" {
		t.Errorf("got %s such rows, %v, want 1", got, err)
	}
}

func TestExchangeIsDeletedWithItsJob(t *testing.T) {
	d := dbtest.Open(t)
	run, js := dbtest.Start(t, d, 1)
	dbtest.Commit(t, d, unreadable(js[0]))
	err := d.Write(t.Context(), false, func(exec db.Exec) error {
		_, err := exec("DELETE FROM runs WHERE run_id = ?", run.ID)
		return err
	})
	if left, got := d.Inspect().Value(t.Context(), "SELECT count(*) FROM exchanges"); err != nil || got != nil || left != "0" {
		t.Errorf("got %s exchanges, %v and %v, want none", left, err, got)
	}
}

func TestExchangesAreListed(t *testing.T) {
	d := dbtest.Open(t)
	_, js := dbtest.Start(t, d, 2)
	dbtest.Commit(t, d, answered(dbtest.Succeeded(js[0], dbtest.Noon), "one", "two"))
	dbtest.Commit(t, d, unreadable(js[1]))
	for name, c := range map[string]struct {
		filter exchanges.ExchangeFilter
		want   string
	}{
		"all, the newest first": {exchanges.ExchangeFilter{}, "/ /orders?page=2 /orders?page=1"},
		"of a job":              {exchanges.ExchangeFilter{JobID: js[0].ID}, "/orders?page=2 /orders?page=1"},
		"of a run":              {exchanges.ExchangeFilter{RunID: js[0].RunID, Limit: 2}, "/ /orders?page=2"},
		"of a provider":         {exchanges.ExchangeFilter{Provider: "michelin", Account: "detroit", Failed: true}, "/"},
		"of another provider":   {exchanges.ExchangeFilter{Provider: "mazda", JobID: js[0].ID}, ""},
	} {
		list, err := d.Exchanges(t.Context(), c.filter)
		var got []string
		for _, x := range list {
			got = append(got, strings.TrimPrefix(x.URL, "http://127.0.0.1"))
		}
		if strings.Join(got, " ") != c.want || err != nil {
			t.Errorf("%s: got %v, %v, want %s", name, got, err, c.want)
		}
	}
	list, err := d.Exchanges(t.Context(), exchanges.ExchangeFilter{JobID: js[0].ID, Limit: 1})
	if err != nil {
		t.Fatal(err)
	}
	row, x, ok, err := d.Exchange(t.Context(), list[0].ExchangeID)
	if diff := cmp.Diff(answered(dbtest.Succeeded(js[0], dbtest.Noon), "one", "two").Exchanges[1], x); diff != "" || !ok || err != nil || row.Attempt != 1 {
		t.Errorf("%+v, %v (-want +got):\n%s", row, err, diff)
	}
	if _, _, ok, err := d.Exchange(t.Context(), 1000); ok || err != nil {
		t.Errorf("got %v, %v, want no such exchange", ok, err)
	}
}

func TestExchangesBeyondTheirSizeArePruned(t *testing.T) {
	d := dbtest.Open(t)
	_, js := dbtest.Start(t, d, 600)
	large := strings.Repeat("x", 1000)
	for _, job := range js {
		o := answered(dbtest.Succeeded(job, dbtest.Noon), "")
		o.Exchanges[0].ResponseGzip = []byte(large)
		dbtest.Commit(t, d, o)
	}
	const each = 1300 // minimum size with the other columns
	keep := retention.Periods{ExchangesSize: 100 * each}
	pruned := prune(t, d, keep)
	left, err := d.Inspect().Value(t.Context(), "SELECT count(*) || ' ' || (max(exchange_id) - min(exchange_id) + 1) || ' ' || max(exchange_id) FROM exchanges")
	n := 600 - pruned.Exchanges
	if err != nil || left != fmt.Sprintf("%d %d 600", n, n) || n < 80 || n > 101 {
		t.Errorf("got %s rows, %v after %d were pruned, want the newest 100 at most", left, err, pruned.Exchanges)
	}
	// Later exchanges continue the sum.
	_, more := dbtest.Start(t, d, 1)
	dbtest.Commit(t, d, answered(dbtest.Succeeded(more[0], dbtest.Noon), large))
	if again := prune(t, d, keep); again.Exchanges > 2 {
		t.Errorf("got %+v, want that one goes for the one that came", again)
	}
	if none := prune(t, d, retention.Periods{ExchangesSize: 1}); none.Exchanges < 79 {
		t.Errorf("got %+v, want all but the last pruned", none)
	}
	dbtest.CheckConsistent(t, d)
}
