package bus // an inside test: the file is made before anything can be seen from outside

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"orderbeat/auth/secret"
)

func openPasswordFile(t *testing.T, path string) (secret.Secret, string) {
	t.Helper()
	var lines strings.Builder
	password, err := openPassword(path, slog.New(slog.NewTextHandler(&lines, nil)))
	if err != nil {
		t.Fatal(err)
	}
	if len(password.Reveal()) < 20 {
		t.Errorf("got a password of %d characters", len(password.Reveal()))
	}
	if strings.Contains(lines.String(), password.Reveal()) {
		t.Errorf("the log has the password: %s", lines.String())
	}
	return password, lines.String()
}

func TestPasswordFileIsCreatedOnceWithMode0600(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data", "nats-password")
	passwords := make([]secret.Secret, 8)
	var wg sync.WaitGroup
	for i := range passwords {
		wg.Go(func() { passwords[i], _ = openPasswordFile(t, path) })
	}
	wg.Wait()
	for _, p := range passwords {
		if p != passwords[0] {
			t.Error("processes that start together have different passwords")
		}
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("got %v, %v, want mode 0600", info.Mode(), err)
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(entries) != 1 {
		t.Errorf("got %v, %v, want the file alone", entries, err)
	}
	if again, _ := openPasswordFile(t, path); again != passwords[0] {
		t.Error("the password changed")
	}
}

func TestEmptyPasswordFileIsReplaced(t *testing.T) {
	for _, left := range []string{"", "\n", "\x00\x00\x00\x00", "two\nlines\n", strings.Repeat("x", 2000)} {
		path := filepath.Join(t.TempDir(), "nats-password")
		if err := os.WriteFile(path, []byte(left), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, lines := openPasswordFile(t, path); !strings.Contains(lines, "password file replaced") {
			t.Errorf("%.20q: got the log %q", left, lines)
		}
	}
}

func TestTemporaryPasswordFileIsRemoved(t *testing.T) {
	folder := t.TempDir()
	left := filepath.Join(folder, ".nats-password-123")
	if err := os.WriteFile(left, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	old := time.Now().Add(-time.Hour)
	if err := os.Chtimes(left, old, old); err != nil {
		t.Fatal(err)
	}
	openPasswordFile(t, filepath.Join(folder, "nats-password"))
	if _, err := os.Stat(left); err == nil {
		t.Error("the file is still there")
	}
}

func TestUnwritableFolderHasATemporaryPassword(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/proc/1/nothing", filepath.Join(filepath.Dir(file), "data")); err != nil {
		t.Fatal(err)
	}
	if _, lines := openPasswordFile(t, filepath.Join(filepath.Dir(file), "data", "nats-password")); !strings.Contains(lines, "failed to create") {
		t.Errorf("got the log %q", lines)
	}
}
