package seal_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"orderbeat/auth"
	"orderbeat/auth/seal"
	"orderbeat/auth/secret"
)

func TestRejectionSurvivesAManualKeyChange(t *testing.T) {
	inner, path := newCabinet(), keyPath(t)
	s := seal.New(inner, load(t, writeKeys(t, path, oneKey)))
	row := sealedRow("k")
	row.State = auth.StateRejected
	store(t, s, row)
	writeKeys(t, path, anotherKey, oneKey)
	comesBack(t, s, row)
	mayLease(t, s, leaseOf(row), false)
	other := leaseOf(row)
	other.Credential = "another"
	mayLease(t, s, other, true)
}

// reading calls a function when a row was read.
type reading struct {
	*cabinet
	then func()
}

func (r *reading) Load(ctx context.Context, key string) (auth.Row, error) {
	defer r.then()
	return r.cabinet.Load(ctx, key)
}

// The row's HMAC is of an old key until somebody commits: if that could happen once a
// lease has read it, the lease would be for another credential.
func TestLeaseAllowsNoOtherCommit(t *testing.T) {
	path := writeKeys(t, keyPath(t), oneKey)
	another := seal.New(&shelf{}, load(t, path))
	inner := &reading{newCabinet(), func() { waits(t, another) }}
	mayLease(t, seal.New(inner, load(t, path)), leaseOf(auth.Row{Key: "k"}), true)
	store(t, another, sealedRow("k"))
}

func TestClearedCredentialColumnEndsTheRejection(t *testing.T) {
	inner := newCabinet()
	s := sealing(t, inner)
	row := sealedRow("k")
	row.State = auth.StateRejected
	store(t, s, row)
	raw := inner.row("k")
	raw.Credential = ""
	inner.put(raw)
	want := row
	want.Credential = ""
	comesBack(t, s, want) // the tokens are as good as ever
	mayLease(t, s, leaseOf(row), true)
}

func TestClearedSealedColumnIsAnEmptyRow(t *testing.T) {
	inner := newCabinet()
	s := sealing(t, inner)
	row := sealedRow("k")
	row.State = auth.StateRejected
	store(t, s, row)
	raw := inner.row("k")
	raw.Token = secret.Secret{}
	inner.put(raw)
	want := row
	want.Token, want.Refresh, want.Credential = secret.Secret{}, secret.Secret{}, ""
	comesBack(t, s, want)
	mayLease(t, s, leaseOf(row), true) // though the column has its HMAC: Load tells of another one
}

func TestStoreWithoutItsKeyFileIsReadOnly(t *testing.T) {
	for _, tt := range []struct {
		name string
		do   func(t *testing.T, path string)
		want string
	}{
		{"the file is gone", func(t *testing.T, path string) { t.Helper(); must(t, os.Remove(path)) }, "no such file"},
		{"the folder is gone", func(t *testing.T, path string) { t.Helper(); must(t, os.RemoveAll(filepath.Dir(path))) }, "no such file"},
		{"the file is damaged", func(t *testing.T, path string) { t.Helper(); writeKeys(t, path, "canary") }, "line 1"},
		{"others may read another key", func(t *testing.T, path string) {
			t.Helper()
			writeKeys(t, path, anotherKey)
			must(t, os.Chmod(path, 0o644))
		}, "chmod 600"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := keyPath(t)
			s := seal.New(newCabinet(), load(t, writeKeys(t, path, oneKey)))
			row := sealedRow("k")
			store(t, s, row)
			tt.do(t, path)
			comesBack(t, s, row)
			_, err := s.Lease(t.Context(), leaseOf(row))
			tells(t, err, filepath.Dir(path), tt.want)
			_, err = s.Commit(t.Context(), leaseOf(row), row)
			tells(t, err, filepath.Dir(path), tt.want)

			must(t, os.MkdirAll(filepath.Dir(path), 0o700))
			writeKeys(t, path, oneKey)
			must(t, os.Chmod(path, 0o600))
			store(t, s, row)
		})
	}
}

// A container gets its secrets in files that its group may read, and whose names are links.
func TestProvidedKeyFileMayBeReadByAGroup(t *testing.T) {
	path := writeKeys(t, keyPath(t), oneKey)
	must(t, os.Chmod(path, 0o440))
	link := filepath.Join(filepath.Dir(path), "provided")
	must(t, os.Symlink(path, link))
	_, err := seal.LoadKeyring(link, false)
	tells(t, err, "other users may read "+link)
	t.Setenv("CREDENTIALS_DIRECTORY", filepath.Dir(path)+"/")
	if _, err := seal.LoadKeyring(link, false); err != nil {
		t.Error(err)
	}
}
