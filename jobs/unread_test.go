package jobs_test

import (
	"context"
	"testing"
	"time"

	"orderbeat/clients"
	"orderbeat/jobs"
)

type unreadProvider struct{ problems []clients.Problem }

func (p unreadProvider) Orders(context.Context, clients.Query) (clients.Answer, error) {
	return clients.Answer{Partial: p.problems}, nil
}

func (unreadProvider) Traits() clients.Traits { return clients.Traits{} }

func TestUnreadOrdersCountOnce(t *testing.T) {
	p := unreadProvider{[]clients.Problem{
		{OrderID: "SO1", Message: "a", Unread: true},
		{OrderID: "SO1", Message: "b", Unread: true},
		{OrderID: "SO2", Message: "c", Unread: true},
		{Message: "d", Unread: true},
		{Message: "e", Unread: true},
		{OrderID: "SO3", Code: "953", Message: "f"},
	}}
	job := jobs.Job{ID: "j", Provider: "michelin", Account: "detroit", Kind: "sync", Attempt: 1, FirstAt: time.Now()}
	out, err := jobs.Perform(t.Context(), p, clients.Account{Name: "detroit"}, job, clients.Retry{Attempts: 1})
	if err != nil || out.State != jobs.Partial || out.Unread != 4 || out.Err.Code != clients.CodeBadResponse {
		t.Errorf("got %+v and %v, want a partial job with four unread: two orders with ids and two without", out, err)
	}
}
