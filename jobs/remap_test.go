package jobs_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"orderbeat/auth/mask"
	"orderbeat/clients"
	"orderbeat/clients/clienttest"
	"orderbeat/clients/httpapi"
	"orderbeat/jobs"
)

// numberProvider is a provider with one HTTP call; order maps each number in the response.
type numberProvider struct {
	*httpapi.HTTP
	url   string
	order func(n int) clients.Order
}

func (p *numberProvider) Traits() clients.Traits { return clients.Traits{} }

func (p *numberProvider) Orders(ctx context.Context, q clients.Query) (answer clients.Answer, err error) {
	var got struct{ Orders []int }
	err = p.Do(ctx, httpapi.Call{Op: "orders", Method: http.MethodGet, URL: p.url + "/orders?from=" + string(q.From)}, func(body io.Reader) error {
		return json.NewDecoder(body).Decode(&got)
	})
	for _, n := range got.Orders {
		o := p.order(n)
		o.Normalize()
		answer.Orders = append(answer.Orders, o)
	}
	return answer, err
}

func TestRemapMapsRecordedResponses(t *testing.T) {
	calls := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		calls++
		fmt.Fprint(w, `{"orders":[1,2,3]}`)
	}))
	defer server.Close()
	p := &numberProvider{httpapi.NewHTTP(clienttest.Section("michelin", server.URL)), server.URL, func(n int) clients.Order { return clients.Order{OrderID: fmt.Sprint("SO", n)} }}
	original := job(1)
	original.From = "2026-11-01"
	first, err := jobs.Perform(t.Context(), p, clients.Account{}, original, retry)
	if err != nil || len(first.Exchanges) != 1 || first.State != jobs.Succeeded {
		t.Fatalf("got %+v, %v, want the exchange", first, err)
	}
	p.order = func(n int) clients.Order {
		o := clients.Order{OrderID: fmt.Sprint("SO", n), Method: "FIXED"}
		switch n {
		case 2:
			o.Reference = mask.Redacted
		case 3:
			o.OrderID = strings.Repeat("9", 200)
		}
		return o
	}
	again := jobs.Job{ID: "run-00002", Kind: "remap", Attempt: 1, Question: jobs.Question{Remaps: original.ID}}
	kept := jobs.KeptJob{ID: original.ID, Kind: "sync", Question: original.Question, AskedAt: first.AskedAt}
	out, err := jobs.Remap(t.Context(), p, clients.Account{}, again, kept, first.Exchanges)
	if err != nil || out.State != jobs.Partial || out.ID != again.ID || !out.AskedAt.Equal(first.AskedAt) || out.FinishedAt.Before(out.AskedAt) || len(out.Exchanges) != 0 {
		t.Errorf("got %+v, %v, want a partial outcome with the time of the recorded request", out, err)
	}
	if len(out.Orders) != 1 || out.Orders[0].OrderID != "SO1" || out.Orders[0].Method != "FIXED" {
		t.Errorf("got %+v, want only the order without redacted values", out.Orders)
	}
	if out.Err == nil || !strings.Contains(out.Err.Message, "order SO2 (REDACTED): a value was redacted in the recorded response") || !strings.Contains(out.Err.Message, "longer than 128 bytes") {
		t.Errorf("got %v, want the problems of the other orders", out.Err)
	}

	kept.From = "2026-11-02" // never requested
	out, err = jobs.Remap(t.Context(), p, clients.Account{}, again, kept, first.Exchanges)
	if err != nil || out.State != jobs.Failed || out.Err.Code != clients.CodeInvalid || !out.NextAt.IsZero() {
		t.Errorf("got %+v, %v, want a failure without retry", out, err)
	}
	if calls != 1 {
		t.Errorf("got %d calls, want 1", calls)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := jobs.Remap(ctx, p, clients.Account{}, again, kept, nil); err == nil {
		t.Error("got no error for a cancelled context")
	}
}

func TestRemapPlansOneJobPerRecordedJob(t *testing.T) {
	targets := targets(t)
	target := targets["michelin"]
	target.Kept = map[string][]jobs.KeptJob{"detroit": {{ID: "new"}, {ID: "old"}}}
	targets["michelin"] = target
	_, planned, err := jobs.Plan(jobs.Request{Provider: "michelin", Kind: "remap"}, targets, now)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, j := range planned {
		got = append(got, j.ID[len(j.RunID):]+" "+j.Account+" "+j.Remaps)
	}
	if diff := cmp.Diff([]string{"-00001 detroit new", "-00002 detroit old"}, got); diff != "" {
		t.Errorf("jobs (-want +got):\n%s", diff)
	}
	for params, want := range map[string]string{
		`{"since":"yesterday"}`: `since "yesterday" is not a time`, `{"lookback":"14d"}`: `unknown field "lookback"`,
		`{"since":"2026-01-02T00:00:00Z","until":"2026-01-02T00:00:00Z"}`: "since must be before until",
	} {
		if _, _, err := jobs.Plan(jobs.Request{Provider: "michelin", Kind: "remap", Params: json.RawMessage(params)}, targets, now); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", params, err, want)
		}
	}
	r, err := jobs.ReadRemapping([]byte(`{"since":"2026-01-02T00:00:00Z","run_id":"r","job_id":"j"}`))
	if err != nil || r != (jobs.Remapping{Since: time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC), RunID: "r", JobID: "j"}) {
		t.Errorf("got %+v, %v", r, err)
	}
}
