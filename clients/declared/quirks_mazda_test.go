package declared_test

import (
	"fmt"
	"net/http"
	"testing"

	"orderbeat/clients"
	"orderbeat/clients/clienttest"
	"orderbeat/clients/declared"
)

// ownEndpoint is what a user declares of Mazda's, whose API is not public.
const ownEndpoint = "[orders]\npath = \"/dms/orders\"\nmap = '.[] | {order_id: .no}'\n"

func TestEveryCallToMazdaNamesTheOrganization(t *testing.T) {
	got := map[string]int{}
	p, _ := standing(t, "mazda", ownEndpoint, func(w http.ResponseWriter, r *http.Request) {
		got[r.URL.Path+" "+r.Header.Get("X-mazda-org")]++
		fmt.Fprint(w, `[{"no":"1"}]`)
	})
	a := sectionOf(t, "mazda", "").Accounts[0]
	for _, org := range []string{"10030/MMD", "10031/MMD"} {
		a.Org = org
		if _, err := p.Orders(t.Context(), clients.Query{Account: a, From: "2026-11-20", To: "2026-11-20"}); err != nil {
			t.Fatal(err)
		}
		if _, err := p.Check(t.Context(), a); err != nil {
			t.Fatal(err)
		}
	}
	for _, call := range []string{"/dms/orders 10030/MMD", "/dms/orders 10031/MMD", "/mazda/ping 10030/MMD", "/mazda/ping 10031/MMD"} {
		if got[call] != 1 {
			t.Errorf("got %v, want each call with its account's organization", got)
		}
	}
	s := sectionOf(t, "mazda", "http://127.0.0.1:1")
	s.Accounts[0].Org = ""
	if _, err := declared.Open(s); len(clienttest.Keys(err)) != 1 || clienttest.Keys(err)[0] != "accounts[0].org" {
		t.Errorf("got %v, want an account without an organization refused", err)
	}
}

func TestMazda403DoesNotRenewTheToken(t *testing.T) {
	p, server := standing(t, "mazda", ownEndpoint, saying(http.StatusForbidden, "{}"))
	tokens := len(server.asked())
	_, err := p.Orders(t.Context(), clients.Query{Account: sectionOf(t, "mazda", "").Accounts[0], From: "2026-11-20", To: "2026-11-20"})
	if e := clients.AsError(err); e == nil || e.Code != clients.CodeForbidden {
		t.Errorf("got %v, want forbidden", err)
	}
	if got := len(server.asked()) - tokens; got != 1 {
		t.Errorf("got %d calls, want one and no refresh", got)
	}
}

func TestMazdaRateIsLow(t *testing.T) {
	if got := table(t, string(declared.Preset("mazda").Text))["rate"]; got != "2/s" {
		t.Errorf("got a rate of %v, want 2/s", got)
	}
}
