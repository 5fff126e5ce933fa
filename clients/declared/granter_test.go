package declared_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"orderbeat/auth/secret"
	"orderbeat/clients/declared"
)

const ordersHead = "[orders]\npath = \"/orders\"\nmap = '.orders[] | {order_id: .id}'\n"

func TestOtherTokenSources(t *testing.T) {
	script := filepath.Join(t.TempDir(), "token.sh")
	if err := os.WriteFile(script, []byte("#!/bin/sh\necho '{\"access_token\":\"t\",\"expires_in\":60}'\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	key := fmt.Sprintf("signing_key = %q\n", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	environment := "[environments.sandbox]\ntoken = \"/token\"\n"
	for name, c := range map[string]struct{ text, wants string }{
		"from a program":         {fmt.Sprintf("token_command = [%q]\n", script), ""},
		"by a client that signs": {"client_auth = \"private_key_jwt\"\n" + key + environment, "client_assertion="},
		"for an assertion":       {"grant = \"jwt_bearer\"\nsubject = \"s\"\n" + key + environment, "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer"},
	} {
		t.Run(name, func(t *testing.T) {
			server := answering(t, func(w http.ResponseWriter, r *http.Request) {
				switch {
				case r.URL.Path == "/token":
					fmt.Fprint(w, `{"access_token":"t","expires_in":60}`)
				case r.Header.Get("Authorization") == "Bearer t":
					fmt.Fprint(w, `{"orders":[{"id":"1"}]}`)
				}
			})
			s := writtenSection(t, server.URL, c.text+ordersHead)
			s.ClientSecret = secret.Secret{}
			p, err := declared.Open(s)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = p.(*declared.Client).Close() })
			answer, err := p.Orders(t.Context(), window())
			if err != nil || len(answer.Orders) != 1 {
				t.Errorf("got %v and %v, want the order", ids(answer), err)
			}
			if asked := server.asked(); !strings.Contains(asked[0], c.wants) || c.wants == "" && len(asked) != 1 {
				t.Errorf("got %v, want %s in the token request", asked, c.wants)
			}
		})
	}
	for text, want := range map[string]string{
		"grant = \"password\"\n" + environment:                                   "grant: must be",
		"grant = \"jwt_bearer\"\n" + environment:                                 "signing_key: is missing",
		"client_auth = \"private_key_jwt\"\nsigning_key = \"k\"\n" + environment: "signing_key: not a private key in PEM",
		key + environment:                      "signing_key: has no effect",
		"user_claim = \"sub\"\n" + environment: "user_claim: has no effect",
		"token_command = [\"\"]\n":             "token_command: must begin with a program",
	} {
		_, err := declared.Open(writtenSection(t, "http://127.0.0.1:1", text+ordersHead))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}
