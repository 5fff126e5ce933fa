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

// checker is a provider that checks as its function says, and knows no orders.
type checker func(ctx context.Context, a clients.Account) ([]clients.Problem, error)

func (c checker) Orders(context.Context, clients.Query) (clients.Answer, error) {
	return clients.Answer{}, errors.New("asked for orders")
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
		"credentials that work": {checker(func(_ context.Context, a clients.Account) ([]clients.Problem, error) {
			if a.Name != "detroit" {
				return nil, errors.New("another account is checked")
			}
			return nil, nil
		}), jobs.Succeeded, ""},
		"a problem": {checker(func(context.Context, clients.Account) ([]clients.Problem, error) {
			return []clients.Problem{{Code: "inactive", Message: "the token is not active"}}, nil
		}), jobs.Partial, clients.CodeInvalid},
		"consent that is missing fails at once": {fail(clients.CodeConsent), jobs.Failed, clients.CodeConsent},
		"credentials that are refused fail":     {fail(clients.CodeAuthRejected), jobs.Failed, clients.CodeAuthRejected},
		"an API that is down is asked again":    {fail(clients.CodeUnavailable), jobs.Waiting, clients.CodeUnavailable},
		"a panic fails": {checker(func(context.Context, clients.Account) ([]clients.Problem, error) {
			panic("oops")
		}), jobs.Failed, clients.CodeInternal},
		"a provider that cannot be checked": {provider(func(context.Context, clients.Query) (clients.Answer, error) {
			return clients.Answer{}, errors.New("asked for orders")
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
				t.Errorf("got %s with %v and %d orders, want %s with code %q and none", out.State, out.Err, len(out.Orders), c.want, c.code)
			}
		})
	}
}

func TestAChecksProblemSaysNothingOfOrders(t *testing.T) {
	out, err := jobs.Perform(t.Context(), checker(func(context.Context, clients.Account) ([]clients.Problem, error) {
		return []clients.Problem{{Code: "inactive", Message: "the token is not active"}}, nil
	}), clients.Account{}, checkJob(), retry)
	if err != nil {
		t.Fatal(err)
	}
	if want := "the token is not active (code inactive)"; out.Err.Message != want || strings.Contains(out.Err.Hint, "order") {
		t.Errorf("got %q with hint %q, want %q and none about orders", out.Err.Message, out.Err.Hint, want)
	}
}

func TestCheckIsOneQuestionToEachAccount(t *testing.T) {
	_, planned, err := jobs.Plan(jobs.Request{Provider: "michelin", Kind: "check"}, targets(t), now)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, j := range planned {
		got = append(got, j.Kind+" "+j.Account)
		if diff := cmp.Diff(jobs.Question{}, j.Question); diff != "" {
			t.Errorf("the question differs (-want +got):\n%s", diff)
		}
	}
	if diff := cmp.Diff([]string{"check detroit", "check auckland"}, got); diff != "" {
		t.Errorf("the jobs differ (-want +got):\n%s", diff)
	}
}

func TestCheckHasNoParams(t *testing.T) {
	request := jobs.Request{Provider: "michelin", Kind: "check", Params: json.RawMessage(`{"lookback":"14d"}`)}
	_, _, err := jobs.Plan(request, targets(t), time.Now())
	if e := clients.AsError(err); err == nil || e.Code != clients.CodeInvalid || !strings.Contains(e.Message, "lookback") {
		t.Errorf("got %v, want that lookback is unknown", err)
	}
}
