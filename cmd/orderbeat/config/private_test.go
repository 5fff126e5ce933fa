package config_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestKeyFilesReadableByOthersAreRejected(t *testing.T) {
	cert, key := certificate(t)
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("canary\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ name, text, path string }{
		{"web.tls.key", fmt.Sprintf("[web]\ntls = { cert = %q, key = %q }\n", cert, key), key},
		{"nats.tls.key", fmt.Sprintf("[nats]\nurl = \"tls://h\"\ntls = { cert = %q, key = %q }\n", cert, key), key},
		{"nats.nkey", fmt.Sprintf("[nats]\nurl = \"nats://h\"\nnkey = \"file:%s\"\n", secret), secret},
		{"nats.creds", fmt.Sprintf("[nats]\nurl = \"nats://h\"\ncreds = %q\n", secret), secret},
		{"web.auth.password", fmt.Sprintf("[web]\nauth = { user = \"a\", password = \"file:%s\" }\n", secret), secret},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, mode := range []os.FileMode{0o600, 0o400, 0o640, 0o604, 0o622} {
				if err := os.Chmod(test.path, mode); err != nil {
					t.Fatal(err)
				}
				got := strings.Join(told(t, least+test.text), "\n")
				want := fmt.Sprintf("%s: other users may read %s (mode %04o): run chmod 600", test.name, test.path, mode)
				if mode&0o077 == 0 {
					if got != "" {
						t.Errorf("mode %04o: got %q, want it taken", mode, got)
					}
				} else if !strings.Contains(got, want) {
					t.Errorf("mode %04o: got %q, want %q", mode, got, want)
				}
			}
			if err := os.Chmod(test.path, 0o600); err != nil {
				t.Fatal(err)
			}
		})
	}
}
