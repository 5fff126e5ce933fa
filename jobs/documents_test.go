package jobs_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"orderbeat/clients"
	"orderbeat/jobs"
)

// documentProvider is a provider with despatch advices and invoices but without orders.
type documentProvider struct {
	checker
	advices, invoices func(clients.Query) (clients.Answer, error)
}

func (p documentProvider) Advices(_ context.Context, q clients.Query) (clients.Answer, error) {
	return p.advices(q)
}

func (p documentProvider) Invoices(_ context.Context, q clients.Query) (clients.Answer, error) {
	return p.invoices(q)
}

func documentsOf(kind, params string) jobs.Request {
	return jobs.Request{Provider: "documents", Kind: kind, Params: json.RawMessage(params)}
}

func TestDocumentsArePlannedInWindows(t *testing.T) {
	all := targets(t)
	all["documents"] = jobs.Target{
		Traits:   clients.Traits{MaxWindowDays: 90, MaxDespatchDays: 5, MaxInvoiceDays: 30},
		Accounts: []clients.Account{all["michelin"].Accounts[0]},
	}
	for name, c := range map[string]struct{ kind, params, want string }{
		"advices: the default is five days including today": {"despatch", ``, "2026-11-16 2026-11-20"},
		"advices: six days are two windows":                 {"despatch", `{"lookback":"5d"}`, "2026-11-15 2026-11-19, 2026-11-20 2026-11-20"},
		"advices: a range":                                  {"despatch", `{"from":"2026-10-30","to":"2026-11-03"}`, "2026-10-30 2026-11-03"},
		"invoices: the default lookback is a week":          {"invoice", ``, "2026-11-13 2026-11-20"},
		"invoices: 30 days are one window":                  {"invoice", `{"lookback":"29d"}`, "2026-10-22 2026-11-20"},
		"invoices: 31 days are two":                         {"invoice", `{"lookback":"30d"}`, "2026-10-21 2026-11-19, 2026-11-20 2026-11-20"},
	} {
		t.Run(name, func(t *testing.T) {
			_, planned, err := jobs.Plan(documentsOf(c.kind, c.params), all, now)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, j := range planned {
				got = append(got, string(j.From)+" "+string(j.To))
			}
			if diff := cmp.Diff(c.want, strings.Join(got, ", ")); diff != "" {
				t.Errorf("windows (-want +got):\n%s", diff)
			}
		})
	}
	for kind, want := range map[string]string{
		"despatch": "the provider does not support despatch advices", "invoice": "the provider does not support invoices",
	} {
		r := documentsOf(kind, ``)
		r.Provider = "michelin" // supports neither
		run, planned, err := jobs.Plan(r, all, now)
		if e := clients.AsError(err); e == nil || e.Code != clients.CodeInvalid || e.Message != want || e.Hint == "" || run.State != jobs.Failed || planned != nil {
			t.Errorf("%s: got %v and run %s, want an invalid request and a failed run", kind, err, run.State)
		}
		if _, _, err := jobs.Plan(documentsOf(kind, `{"order_ids":["1"]}`), all, now); err == nil || !strings.Contains(clients.AsError(err).Message, "order_ids") {
			t.Errorf("%s by number: got %v, want an error about order_ids", kind, err)
		}
	}
}

func TestPerformRequestsDocuments(t *testing.T) {
	requested := ""
	p := documentProvider{
		advices: func(q clients.Query) (clients.Answer, error) {
			requested += "advices " + string(q.From) + ";"
			return clients.Answer{Advices: []clients.Advice{{AdviceID: "BOL1"}}}, nil
		},
		invoices: func(q clients.Query) (clients.Answer, error) {
			requested += "invoices " + string(q.From) + ";"
			return clients.Answer{
				Invoices: []clients.Invoice{{Number: "1"}, {Number: strings.Repeat("2", 129)}},
				Partial:  []clients.Problem{{Message: "a day is full"}},
			}, nil
		},
	}
	j := job(1)
	j.Kind, j.From = "despatch", "2026-11-16"
	out, err := jobs.Perform(t.Context(), p, clients.Account{}, j, retry)
	if err != nil || out.State != jobs.Succeeded || len(out.Advices) != 1 || len(out.Orders)+len(out.Invoices) > 0 {
		t.Errorf("advices: got %+v and %v", out, err)
	}
	j.Kind = "invoice"
	out, err = jobs.Perform(t.Context(), p, clients.Account{}, j, retry)
	if err != nil || out.State != jobs.Partial || len(out.Invoices) != 1 || out.Err.Hint == "" || strings.Contains(out.Err.Hint, "orders") {
		t.Fatalf("invoices: got %+v and %v, want the invoice with the short number, and a hint about the other", out, err)
	}
	if want := "a day is full; the number of invoice " + strings.Repeat("2", 120) + "… is longer than 128 bytes"; out.Err.Message != want {
		t.Errorf("got %q, want %q", out.Err.Message, want)
	}
	if requested != "advices 2026-11-16;invoices 2026-11-16;" {
		t.Errorf("requested %s", requested)
	}
}

func TestPerformRejectsDocumentsThatTheProviderDoesNotSupport(t *testing.T) {
	for _, kind := range []string{"despatch", "invoice"} {
		j := job(1)
		j.Kind = kind
		out, err := jobs.Perform(t.Context(), checker(nil), clients.Account{}, j, retry)
		if err != nil || out.State != jobs.Failed || out.Err.Code != clients.CodeInvalid {
			t.Errorf("%s: got %+v and %v, want failed and invalid", kind, out, err)
		}
	}
}
