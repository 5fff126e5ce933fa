package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func secretConfig(ref string) string {
	return strings.Replace(least, "kind = \"michelin\"", "kind = \"michelin\"\nclient_secret = "+ref, 1)
}

func TestSecretsAreResolved(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "secret")
	if err := os.WriteFile(file, []byte(" from file \n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ name, ref, want string }{
		{"a variable", `"env:SECRET"`, "from variable"},
		{"a file, without the newline at its end", `"file:` + file + `"`, " from file "},
		{"a systemd credential", `"credential:secret"`, " from file "},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := load(t, secretConfig(test.ref), "SECRET", "from variable", "CREDENTIALS_DIRECTORY", dir)
			if got := c.Providers[0].ClientSecret.Reveal(); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestSecretFilePathIsRelativeToTheConfiguration(t *testing.T) {
	path := write(t, "")
	if err := os.WriteFile(filepath.Join(filepath.Dir(path), "s"), []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	got := told(t, secretConfig(`"file:s"`))
	if len(got) != 1 || !strings.Contains(got[0], "/s: no such file") {
		t.Errorf("got %q, want the file looked for beside the configuration", got)
	}
}

func TestInvalidSecrets(t *testing.T) {
	dir := t.TempDir()
	for name, mode := range map[string]os.FileMode{"empty": 0o600, "open": 0o640} {
		content := map[string]string{"open": "canary"}[name]
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil { // independent of the umask
			t.Fatal(err)
		}
	}
	const key = "3:1 providers.michelin.client_secret: "
	literal := key + `secrets must not be in the file: write "env:NAME", "file:PATH" or "credential:NAME" (a systemd credential)`
	for _, test := range []struct{ name, ref, want string }{
		{"a literal", `"canary"`, literal},
		{"a literal with a colon", `"canary:canary"`, literal},
		{"a reference to nothing", `"env:"`, literal},
		{"a number", `4711`, literal},
		{"an unset variable", `"env:UNSET"`, key + "the environment variable UNSET is not set"},
		{"a file that is not there", `"file:/nowhere/x"`, key + "cannot read /nowhere/x: no such file or directory"},
		{"an empty file", `"file:` + dir + `/empty"`, key + dir + "/empty is empty"},
		{"a file that others may read", `"file:` + dir + `/open"`, key + "other users may read " + dir + "/open (mode 0640): run chmod 600"},
		{"a credential without systemd", `"credential:x"`, key + "credential x not found: CREDENTIALS_DIRECTORY is not set; systemd sets it for services with LoadCredential="},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := told(t, secretConfig(test.ref))
			if len(got) != 1 || got[0] != test.want {
				t.Errorf("got %q\nwant %q", got, test.want)
			}
		})
	}
}

func TestInvalidSecretsOfAKind(t *testing.T) {
	text := strings.Replace(least, "kind = \"michelin\"", "kind = \"michelin\"\npassword = \"canary\"", 1)
	got := told(t, text)
	if len(got) != 1 || !strings.HasPrefix(got[0], "3:1 providers.michelin.password: secrets must not be in the file") || strings.Contains(got[0], "canary") {
		t.Errorf("got %q", got)
	}
}
