package jobs_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"orderbeat/clients"
	"orderbeat/jobs"
)

// checker is a provider without orders whose credential check is the function.
type checker func(ctx context.Context, a clients.Account) ([]clients.Problem, error)

func (c checker) Orders(context.Context, clients.Query) (clients.Answer, error) {
	return clients.Answer{}, errors.New("unexpected request for orders")
}

func (c checker) Traits() clients.Traits { return clients.Traits{} }

func (c checker) Check(ctx context.Context, a clients.Account) ([]clients.Problem, error) {
	return c(ctx, a)
}

func checkJob() jobs.Job {
	j := job(1)
	j.Kind = "check"
	return j
}

func TestCheck(t *testing.T) {
	fail := func(code clients.Code) checker {
		return func(context.Context, clients.Account) ([]clients.Problem, error) {
			return nil, &clients.Error{Provider: "michelin", Op: "check", Code: code}
		}
	}
	for name, c := range map[string]struct {
		provider clients.Provider
		want     jobs.State
		code     clients.Code
	}{
		"valid credentials": {checker(func(_ context.Context, a clients.Account) ([]clients.Problem, error) {
			if a.Name != "detroit" {
				return nil, errors.New("wrong account")
			}
			return nil, nil
		}), jobs.Succeeded, ""},
		"a problem": {checker(func(context.Context, clients.Account) ([]clients.Problem, error) {
			return []clients.Problem{{Code: "inactive", Message: "the token is not active"}}, nil
		}), jobs.Partial, clients.CodeInvalid},
		"missing consent fails without retry": {fail(clients.CodeConsent), jobs.Failed, clients.CodeConsent},
		"rejected credentials fail":           {fail(clients.CodeAuthRejected), jobs.Failed, clients.CodeAuthRejected},
		"an unavailable API is retried":       {fail(clients.CodeUnavailable), jobs.Waiting, clients.CodeUnavailable},
		"a panic fails": {checker(func(context.Context, clients.Account) ([]clients.Problem, error) {
			panic("oops")
		}), jobs.Failed, clients.CodeInternal},
		"provider without credential checks": {provider(func(context.Context, clients.Query) (clients.Answer, error) {
			return clients.Answer{}, errors.New("unexpected request for orders")
		}), jobs.Failed, clients.CodeInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			out, err := jobs.Perform(t.Context(), c.provider, clients.Account{Name: "detroit"}, checkJob(), retry)
			if err != nil {
				t.Fatal(err)
			}
			code := clients.Code("")
			if out.Err != nil {
				code = out.Err.Code
			}
			if out.State != c.want || code != c.code || len(out.Orders) != 0 {
				t.Errorf("got %s with %v and %d orders, want %s with code %q and no orders", out.State, out.Err, len(out.Orders), c.want, c.code)
			}
		})
	}
}

func TestCheckProblemDoesNotMentionOrders(t *testing.T) {
	out, err := jobs.Perform(t.Context(), checker(func(context.Context, clients.Account) ([]clients.Problem, error) {
		return []clients.Problem{{Code: "inactive", Message: "the token is not active"}}, nil
	}), clients.Account{}, checkJob(), retry)
	if err != nil {
		t.Fatal(err)
	}
	if want := "the token is not active (code inactive)"; out.Err.Message != want || strings.Contains(out.Err.Hint, "order") {
		t.Errorf("got %q with hint %q, want %q and a hint that does not mention orders", out.Err.Message, out.Err.Hint, want)
	}
}

func TestCheckPlansOneJobPerAccount(t *testing.T) {
	_, planned, err := jobs.Plan(jobs.Request{Provider: "michelin", Kind: "check"}, targets(t), now)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, j := range planned {
		got = append(got, j.Kind+" "+j.Account)
		if diff := cmp.Diff(jobs.Question{}, j.Question); diff != "" {
			t.Errorf("query (-want +got):\n%s", diff)
		}
	}
	if diff := cmp.Diff([]string{"check detroit", "check auckland"}, got); diff != "" {
		t.Errorf("jobs (-want +got):\n%s", diff)
	}
}

func TestCheckHasNoParams(t *testing.T) {
	request := jobs.Request{Provider: "michelin", Kind: "check", Params: json.RawMessage(`{"lookback":"14d"}`)}
	_, _, err := jobs.Plan(request, targets(t), time.Now())
	if e := clients.AsError(err); err == nil || e.Code != clients.CodeInvalid || !strings.Contains(e.Message, "lookback") {
		t.Errorf("got %v, want an error about the unknown param lookback", err)
	}
}
