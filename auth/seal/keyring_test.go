package seal_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"orderbeat/auth"
	"orderbeat/auth/seal"
)

// Keys that are keys only here.
var (
	oneKey     = strings.Repeat("b25l", 10) + "b24="
	anotherKey = strings.Repeat("dHdv", 10) + "dHc="
)

// writeKeys makes a key file.
func writeKeys(tb testing.TB, path string, lines ...string) string {
	tb.Helper()
	if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		tb.Fatal(err)
	}
	return path
}

// keyPath is where a key file may be made.
func keyPath(tb testing.TB) string {
	tb.Helper()
	return filepath.Join(tb.TempDir(), "key")
}

func load(tb testing.TB, path string) *seal.Keyring {
	tb.Helper()
	keys, err := seal.LoadKeyring(path, false)
	if err != nil {
		tb.Fatal(err)
	}
	return keys
}

// keyLines are the lines of a key file that hold keys.
func keyLines(tb testing.TB, path string) []string {
	tb.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		tb.Fatal(err)
	}
	var lines []string
	for line := range strings.Lines(string(content)) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			lines = append(lines, line)
		}
	}
	return lines
}

func TestConcurrentStartsCreateOneKey(t *testing.T) {
	path, inner := filepath.Join(t.TempDir(), "data", "key"), newCabinet()
	begin := make(chan struct{})
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			<-begin
			keys, err := seal.LoadKeyring(path, true)
			if err != nil {
				t.Error(err)
				return
			}
			row := sealedRow(fmt.Sprintf("k%d", i))
			if _, err := seal.New(inner, keys).Commit(t.Context(), auth.Lease{Key: row.Key}, row); err != nil {
				t.Error(err)
			}
		})
	}
	close(begin)
	wg.Wait()
	if t.Failed() {
		return
	}
	s := seal.New(inner, load(t, path))
	for i := range 8 {
		comesBack(t, s, sealedRow(fmt.Sprintf("k%d", i)))
	}
	if got := keyLines(t, path); len(got) != 1 {
		t.Errorf("got %d keys want 1", len(got))
	}
	for name, want := range map[string]os.FileMode{path: 0o600, filepath.Dir(path): os.ModeDir | 0o700} {
		info, err := os.Stat(name)
		must(t, err)
		if got := info.Mode(); got != want {
			t.Errorf("mode of %s: got %v want %v", filepath.Base(name), got, want)
		}
	}
	alone(t, path)
}

// alone fails when anything is left beside a key file.
func alone(t *testing.T, path string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != 1 {
		t.Errorf("beside the key file: got %v want nothing", entries)
	}
}

func TestExistingKeyFileIsNotReplaced(t *testing.T) {
	path := writeKeys(t, keyPath(t), oneKey)
	if _, err := seal.LoadKeyring(path, true); err != nil {
		t.Fatal(err)
	}
	if got := keyLines(t, path); len(got) != 1 || got[0] != oneKey {
		t.Error("the key was replaced")
	}
}

func TestFirstKeySealsAndTheOthersOpen(t *testing.T) {
	inner, path := newCabinet(), keyPath(t)
	row := sealedRow("k")
	store(t, seal.New(inner, load(t, writeKeys(t, path, oneKey))), row)
	before := inner.row("k").Token.Reveal()

	keys := load(t, writeKeys(t, path, "# of today", anotherKey, "", "  # of yesterday", "\t"+oneKey+" \r"))
	comesBack(t, seal.New(inner, keys), row)
	store(t, seal.New(inner, keys), sealedRow("k2"))
	after := inner.row("k2").Token.Reveal()
	if keyID(before) == keyID(after) {
		t.Error("the second key seals")
	}
	comesBack(t, seal.New(inner, load(t, writeKeys(t, path, anotherKey))), sealedRow("k2"))
}

// keyID is what a sealed value calls its key.
func keyID(sealed string) string { return strings.Split(sealed, ":")[2] }

func TestKeyFileErrorsNameTheLine(t *testing.T) {
	for _, tt := range []struct {
		name    string
		content string
		mode    os.FileMode
		want    []string
	}{
		{"no key", "# none yet\n\n", 0o600, []string{"has no key", "head -c 32"}},
		{"an empty file", "", 0o600, []string{"has no key"}},
		{"not base64", "# mine\ncanary canary\n", 0o600, []string{"line 2", "this is not a key", "head -c 32"}},
		{"too short", oneKey + "\nY2FuYXJ5\n", 0o600, []string{"line 2", "32 random bytes"}},
		{"too long", oneKey[:40] + oneKey + "\n", 0o600, []string{"line 1", "32 random bytes"}},
		{"two keys in a line", oneKey + " " + anotherKey + "\n", 0o600, []string{"line 1"}},
		{"a comment after the key", oneKey + " # canary\n", 0o600, []string{"line 1"}},
		{"another spelling of the same bytes", strings.TrimSuffix(oneKey, "4=") + "5=\n", 0o600, []string{"line 1"}},
		{"the same key twice", oneKey + "\n#\n" + oneKey + "\n", 0o600, []string{"line 3", "line 1", "remove one"}},
		{"readable by the group", oneKey + "\n", 0o640, []string{"other users may read", "mode 0640", "chmod 600"}},
		{"readable by everybody", oneKey + "\n", 0o604, []string{"other users may read", "mode 0604", "chmod 600"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := keyPath(t)
			if err := os.WriteFile(path, []byte(tt.content), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(path, tt.mode); err != nil {
				t.Fatal(err)
			}
			_, err := seal.LoadKeyring(path, true)
			tells(t, err, append(tt.want, path)...)
			for _, secret := range []string{oneKey, oneKey[:20], "canary", "Y2FuYXJ5"} {
				if err != nil && strings.Contains(err.Error(), secret) {
					t.Errorf("the error tells the key: %v", err)
				}
			}
		})
	}
}

func TestMissingKeyFileErrorHasAHint(t *testing.T) {
	path := filepath.Join(t.TempDir(), "nowhere", "key")
	_, err := seal.LoadKeyring(path, false)
	tells(t, err, path, "no such file", "restore it", "head -c 32")
	_, err = seal.LoadKeyring(filepath.Dir(t.TempDir()), true)
	tells(t, err, "is a directory")
	file := writeKeys(t, keyPath(t), oneKey)
	_, err = seal.LoadKeyring(filepath.Join(file, "key"), true)
	tells(t, err, file, "not a directory")
}

// tells fails when an error lacks any of the parts.
func tells(t *testing.T, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Errorf("got no error want one with %q", parts)
		return
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("got %q want it to tell %q", err, part)
		}
	}
}

func TestKeyringPrintsNoKey(t *testing.T) {
	ring := load(t, writeKeys(t, keyPath(t), oneKey))
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x"} {
		got := fmt.Sprintf(verb, ring) + fmt.Sprintf(verb, seal.New(auth.NewMemory(), ring))
		if strings.Contains(got, oneKey) || strings.Contains(got, "oneone") || strings.Contains(got, fmt.Sprintf("%x", "oneone")) {
			t.Errorf("%s tells the key", verb)
		}
	}
}

func TestLeftoversOfAKilledRekeyAreRemoved(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "key")
	k, err := seal.LoadKeyring(path, true)
	if err != nil {
		t.Fatal(err)
	}
	others := []string{".key-", ".key-new", ".key2-12", "key-12", ".other-12", ".key-12.bak"}
	for _, name := range append([]string{".key-12", ".key-3456789012"}, others...) {
		if err := os.WriteFile(filepath.Join(folder, name), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []int{2, 0} {
		if n, err := k.RemoveLeftovers(t.Context()); n != want || err != nil {
			t.Errorf("got %d, %v; want %d", n, err, want)
		}
	}
	for _, name := range append([]string{"key"}, others...) {
		if _, err := os.Stat(filepath.Join(folder, name)); err != nil {
			t.Errorf("%v, want that other files stay", err)
		}
	}
	if _, err := seal.LoadKeyring(path, false); err != nil {
		t.Errorf("%v, want the keys as they were", err)
	}
}
