package stricttest_test

import (
	"context"
	"path/filepath"
	"syscall"

	"orderbeat/auth"
	"orderbeat/auth/seal"
	"orderbeat/db"
)

// opener is [db.Open], which makes the database, or [db.OpenTokens], which does not
// disturb whoever has it open.
type opener func(context.Context, db.Options) (*db.DB, error)

// openStore opens the tokens that a fleet shares: sealed rows in a SQLite database.
func openStore(ctx context.Context, folder string, open opener) (auth.Store, func() error, error) {
	keys, err := seal.LoadKeyring(filepath.Join(folder, "keys", "key"), true)
	if err != nil {
		return nil, nil, err
	}
	d, err := open(ctx, db.Options{Path: filepath.Join(folder, "orderbeat.db")})
	if err != nil {
		return nil, nil, err
	}
	return seal.New(d.Tokens(), keys), d.Close, nil
}

// deadly kills the process, as kill -9 does, before its first refresh is sent, or when
// it was answered and is not stored yet.
type deadly struct {
	auth.Store
	moment moment
}

// moment is when a process kills itself, "" never.
type moment string

const (
	beforeSending moment = "before sending"
	beforeCommit  moment = "before commit"
)

func (d deadly) Lease(ctx context.Context, l auth.Lease) (bool, error) {
	won, err := d.Store.Lease(ctx, l)
	if won && d.moment == beforeSending {
		die()
	}
	return won, err
}

func (d deadly) Commit(ctx context.Context, l auth.Lease, row auth.Row) (bool, error) {
	if d.moment == beforeCommit {
		die()
	}
	return d.Store.Commit(ctx, l, row)
}

func die() { _ = syscall.Kill(syscall.Getpid(), syscall.SIGKILL) } // it does not return
