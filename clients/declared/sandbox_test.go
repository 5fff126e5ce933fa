package declared_test

import (
	"net/http/httptest"
	"testing"

	"orderbeat/auth"
	"orderbeat/clients"
	"orderbeat/clients/sandbox"
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
			p := open(t, kind, "", func(s *clients.Section) {
				s.ClientID, s.ClientSecret, s.AllowInsecureHTTP = auth.Secret{}, auth.Secret{}, false
				s.Sandbox = clients.Sandbox{URL: server.URL, ClientID: auth.NewSecret(c.id), ClientSecret: auth.NewSecret(c.secret)}
			})
			if kind == "mazda" {
				if err := consent(t, p.Credentials()[0], "https://127.0.0.1:8080/myGreatDms/oauth/code"); err != nil {
					t.Fatal(err)
				}
			}
			if out := check(t, p, section(t, kind, "").Accounts[0]); out.State != jobs.Succeeded {
				t.Errorf("got %s with %v, want succeeded", out.State, out.Err)
			}
		})
	}
	t.Run("an organization that is none is forbidden", func(t *testing.T) {
		p := open(t, "mazda", server.URL, func(s *clients.Section) {
			s.ClientID, s.ClientSecret = auth.NewSecret(sandbox.MazdaClientID), auth.NewSecret(sandbox.MazdaClientSecret)
		})
		if err := consent(t, p.Credentials()[0], "https://127.0.0.1:8080/myGreatDms/oauth/code"); err != nil {
			t.Fatal(err)
		}
		account := section(t, "mazda", "").Accounts[0]
		account.Org = "nowhere"
		if out := check(t, p, account); out.State != jobs.Failed || out.Err.Code != clients.CodeForbidden {
			t.Errorf("got %s with %v, want forbidden", out.State, out.Err)
		}
	})
}
