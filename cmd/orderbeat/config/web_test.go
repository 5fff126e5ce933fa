package config_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"orderbeat/auth/secret"

	"github.com/google/go-cmp/cmp"

	"orderbeat/auth/seal"
	"orderbeat/cmd/orderbeat/config"
	"orderbeat/worker/web"
)

// certificate writes a self-signed certificate and its key.
func certificate(t *testing.T) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"o.example.com"}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	privateDER, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	cert, key = filepath.Join(folder, "cert.pem"), filepath.Join(folder, "key.pem")
	for path, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: privateDER}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}

func TestWebListenerForOtherMachines(t *testing.T) {
	cert, key := certificate(t)
	password := "auth = { user = \"ops\", password = \"env:PASSWORD\" }\n"
	canary := secret.New("canary")
	for _, test := range []struct {
		name, text string
		want       web.Config
	}{
		{
			"with a certificate", "listen = \":443\"\n" + password + fmt.Sprintf("tls = { cert = %q, key = %q }\n", cert, key),
			web.Config{Listen: ":443", User: "ops", Password: canary, Cert: cert, Key: key},
		},
		{
			"behind a proxy that speaks https", "listen = \"0.0.0.0:8321\"\n" + password + "external_url = \"https://o.example.com/ob/\"\n",
			web.Config{Listen: "0.0.0.0:8321", User: "ops", Password: canary, ExternalURL: "https://o.example.com/ob"},
		},
		{
			"on this machine with a password", "listen = \"[::1]:8321\"\n" + password,
			web.Config{Listen: "[::1]:8321", User: "ops", Password: canary},
		},
		{
			"on this machine with an address of its own", "listen = \"localhost:0\"\nexternal_url = \"http://127.0.0.1:8080\"\n",
			web.Config{Listen: "localhost:0", ExternalURL: "http://127.0.0.1:8080"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := load(t, "[web]\n"+test.text+least, "PASSWORD", "canary")
			if diff := cmp.Diff(test.want, c.Web, cmp.Comparer(func(a, b secret.Secret) bool { return a == b })); diff != "" {
				t.Errorf("web (-want +got):\n%s", diff)
			}
		})
	}
}

func TestCertificateWithAnotherKey(t *testing.T) {
	cert, _ := certificate(t)
	_, key := certificate(t)
	got := told(t, least+fmt.Sprintf("[web]\ntls = { cert = %q, key = %q }\n", cert, key))
	if len(got) != 1 || !strings.HasPrefix(got[0], "7:1 web.tls: is not a certificate with its key: private key does not match") {
		t.Errorf("got %q", got)
	}
}

func TestSealingKey(t *testing.T) {
	c := load(t, least)
	if want := (config.Key{Path: filepath.Join(filepath.Dir(c.Path), "data/key"), Make: true}); c.Key != want {
		t.Errorf("got %+v, want %+v by default", c.Key, want)
	}
	path := filepath.Join(t.TempDir(), "key")
	if _, err := seal.LoadKeyring(path, true); err != nil {
		t.Fatal(err)
	}
	named := fmt.Sprintf("%s[worker]\nkey = \"file:%s\"\n", least, path)
	if got := load(t, named).Key; got != (config.Key{Path: path}) {
		t.Errorf("got %+v, want %s, which is never made", got, path)
	}
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	if got := told(t, named); len(got) != 1 || !strings.HasPrefix(got[0], "7:1 worker.key: other users may read "+path) {
		t.Errorf("got %q, want a key that others may read refused", got)
	}
	if _, err := config.LoadPart(write(t, named), env(), "worker"); err != nil {
		t.Errorf("got %v, want no file looked into for a part", err)
	}
}
