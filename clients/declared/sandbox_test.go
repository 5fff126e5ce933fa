package declared_test

import (
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"orderbeat/auth/secret"
	"orderbeat/clients"
	"orderbeat/clients/sandbox"
	"orderbeat/clients/sandbox/microbilt"
	"orderbeat/clients/sandbox/shell"
	"orderbeat/clients/section"
	"orderbeat/jobs"
)

// Nothing but environment = "sandbox" is configured: paths and pings are the preset's.
func TestAgainstTheSandbox(t *testing.T) {
	stand := sandbox.New(sandbox.Options{})
	server := httptest.NewServer(stand)
	defer server.Close()
	for kind, c := range map[string]struct{ id, secret string }{
		"ptv":       {sandbox.PTVClientID, sandbox.PTVClientSecret},
		"shell":     {sandbox.ShellClientID, sandbox.ShellClientSecret},
		"microbilt": {sandbox.MicrobiltClientID, sandbox.MicrobiltClientSecret},
		"mazda":     {sandbox.MazdaClientID, sandbox.MazdaClientSecret},
	} {
		t.Run(kind, func(t *testing.T) {
			p := open(t, kind, "", func(s *section.Section) {
				s.ClientID, s.ClientSecret, s.AllowInsecureHTTP = secret.Secret{}, secret.Secret{}, false
				s.Sandbox = section.Sandbox{URL: server.URL, ClientID: secret.New(c.id), ClientSecret: secret.New(c.secret)}
			})
			if kind == "mazda" {
				if err := consent(t, p.Credentials()[0], "https://127.0.0.1:8080/myGreatDms/oauth/code"); err != nil {
					t.Fatal(err)
				}
			}
			if out := check(t, p, sectionOf(t, kind, "").Accounts[0]); out.State != jobs.Succeeded {
				t.Errorf("got %s with %v, want succeeded", out.State, out.Err)
			}
		})
	}
	t.Run("an organization that is none is forbidden", func(t *testing.T) {
		p := open(t, "mazda", server.URL, func(s *section.Section) {
			s.ClientID, s.ClientSecret = secret.New(sandbox.MazdaClientID), secret.New(sandbox.MazdaClientSecret)
		})
		if err := consent(t, p.Credentials()[0], "https://127.0.0.1:8080/myGreatDms/oauth/code"); err != nil {
			t.Fatal(err)
		}
		account := sectionOf(t, "mazda", "").Accounts[0]
		account.Org = "nowhere"
		if out := check(t, p, account); out.State != jobs.Failed || out.Err.Code != clients.CodeForbidden {
			t.Errorf("got %s with %v, want forbidden", out.State, out.Err)
		}
	})
}

// mazdaOrders declares what the stand-in has for Mazda, as a user declares what Mazda
// told them.
const mazdaOrders = `
[orders]
path   = "/mazda/parts-orders"
query  = { from = '\($from)', to = '\($to)', page = '\($page)' }
paging = { by = "page", pages = ".pages" }
map = '''
.orders[] | {
  order_id: .orderNumber, reference, ordered_on: .orderDate,
  lines: [.lines[] | {
    line_id: .line, article_id: .partNumber, description, ordered, shipped, backordered, promised_on: .eta,
    open: (if .status == "CANCELLED" then null else .ordered - .shipped - .backordered end)
  }]
}
'''
`

// today is a window of the last days, in the account's zone.
func recent(a clients.Account, now time.Time, days int) clients.Query {
	to := clients.DateOf(now.In(a.Location))
	return clients.Query{Account: a, From: to.AddDays(1 - days), To: to}
}

func TestSandboxHasOrdersOfAllFourProviders(t *testing.T) {
	now := time.Now()
	stand := sandbox.New(sandbox.Options{Now: func() time.Time { return now }})
	server := httptest.NewServer(stand)
	defer server.Close()
	london, err := time.LoadLocation(shell.Timezone)
	if err != nil {
		t.Fatal(err)
	}
	for kind, c := range map[string]struct {
		id, secret string
		keys       string
		query      func(clients.Account) clients.Query
		least      int
	}{
		"ptv":   {sandbox.PTVClientID, sandbox.PTVClientSecret, "orders = { paging = { size = 10 } }", func(a clients.Account) clients.Query { return recent(a, now, 14) }, 20},
		"shell": {sandbox.ShellClientID, sandbox.ShellClientSecret, "", func(a clients.Account) clients.Query { a.Location = london; return recent(a, now, 7) }, 3},
		"microbilt": {sandbox.MicrobiltClientID, sandbox.MicrobiltClientSecret, "", func(a clients.Account) clients.Query {
			return clients.Query{Account: a, OrderIDs: []string{"APP-1001", "APP-1002", "APP-1003", "APP-none"}}
		}, 3},
		"mazda": {sandbox.MazdaClientID, sandbox.MazdaClientSecret, mazdaOrders, func(a clients.Account) clients.Query { return recent(a, now, 60) }, 10},
	} {
		t.Run(kind, func(t *testing.T) {
			p := open(t, kind, "", func(s *section.Section) {
				s.ClientID, s.ClientSecret, s.AllowInsecureHTTP = secret.Secret{}, secret.Secret{}, false
				s.Sandbox = section.Sandbox{URL: server.URL, ClientID: secret.New(c.id), ClientSecret: secret.New(c.secret)}
				s.Decode = over(t, kind, table(t, c.keys))
			})
			if kind == "mazda" {
				if err := consent(t, p.Credentials()[0], "https://127.0.0.1:8080/myGreatDms/oauth/code"); err != nil {
					t.Fatal(err)
				}
			}
			a := sectionOf(t, kind, "").Accounts[0]
			a.Location = time.UTC
			answer, err := p.Orders(t.Context(), c.query(a))
			if err != nil {
				t.Fatal(err)
			}
			statuses := map[clients.Status]int{}
			for _, o := range answer.Orders {
				statuses[o.Status]++
			}
			if len(answer.Orders) < c.least || len(answer.Partial) > 0 || statuses[clients.StatusUnknown] > 0 {
				t.Errorf("got %d orders %v and %v, want at least %d, none of which is unknown", len(answer.Orders), statuses, answer.Partial, c.least)
			}
			text, err := json.Marshal(answer)
			if err != nil {
				t.Fatal(err)
			}
			for _, secret := range []string{microbilt.CanaryName, microbilt.CanaryNumber, "7077327000"} {
				if strings.Contains(string(text), secret) {
					t.Errorf("the orders tell %q", secret)
				}
			}
		})
	}
	if got := stand.Requests(sandbox.OpMicrobiltGetReport); got != 0 {
		t.Errorf("got %d reports ordered", got)
	}
}
