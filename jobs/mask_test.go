package jobs_test

import (
	"strings"
	"testing"

	"orderbeat/clients"
	"orderbeat/jobs"
)

func TestMaskRemovesSecretsAndKeepsIDsDistinct(t *testing.T) {
	mask := func(s string) string { return strings.ReplaceAll(s, "canary", "REDACTED") }
	out := jobs.Outcome{
		State: jobs.Succeeded,
		Orders: []clients.Order{
			{OrderID: "1", Lines: []clients.Line{{LineID: "canary", Description: "a canary"}, {LineID: "canary"}}},
			{OrderID: "canary"},
			{OrderID: "canary-2"},
		},
		Advices: []clients.Advice{{AdviceID: "canary"}},
	}
	out.Mask(mask)
	if len(out.Orders) != 1 || len(out.Advices) != 0 || out.Orders[0].Lines[0].LineID == out.Orders[0].Lines[1].LineID || out.Orders[0].Lines[0].Description+out.Orders[0].Lines[1].Description != "a REDACTED" {
		t.Errorf("got %+v", out.Orders)
	}
	if out.State != jobs.Partial || out.Err == nil || !strings.Contains(out.Err.Message, "3 orders or documents not stored: secret in the id") {
		t.Errorf("got %s, %v", out.State, out.Err)
	}
	out = jobs.Outcome{State: jobs.Failed, Err: &clients.Error{Message: "it was canary", Hint: "canary"}}
	if out.Mask(mask); out.Err.Message != "it was REDACTED" || out.Err.Hint != "REDACTED" {
		t.Errorf("got %+v", out.Err)
	}
}
