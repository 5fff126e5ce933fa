package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/database"
)

// migrate creates the schema of an empty database, or applies the pending migrations, each in its own
// transaction.
func migrate(ctx context.Context, pool *sql.DB, o Options) error {
	steps, newest, err := migrator(pool, o.Migrations)
	if err != nil {
		return err
	}
	version, err := schemaVersion(ctx, pool)
	if err != nil {
		return err
	}
	if version == newest {
		return nil
	}
	if version > newest {
		return versionError(version, newest)
	}
	empty, err := isEmpty(ctx, pool)
	if err != nil {
		return err
	}
	if empty {
		if err := create(ctx, pool, o.Schema, steps.ListSources()); err != nil {
			return fmt.Errorf("create the schema: %w", err)
		}
	} else if _, err := steps.Up(ctx); err != nil {
		return fmt.Errorf("migrate from version %d to %d: %w", version, newest, err)
	}
	o.Log.Info("database schema migrated", "from", version, "to", newest)
	return nil
}

func isEmpty(ctx context.Context, pool *sql.DB) (empty bool, err error) {
	err = pool.QueryRowContext(ctx, "SELECT NOT EXISTS (SELECT 1 FROM sqlite_schema)").Scan(&empty)
	return empty, err
}

// create creates the newest schema in one transaction, with the migrations recorded as applied.
func create(ctx context.Context, pool *sql.DB, schema string, migrations []*goose.Source) error {
	tx, err := pool.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	if _, err := tx.ExecContext(ctx, schema); err != nil {
		return err
	}
	versions, err := database.NewStore(database.DialectSQLite3, goose.DefaultTablename)
	if err != nil {
		return err
	}
	if err := versions.CreateVersionTable(ctx, tx); err != nil {
		return err
	}
	applied := []int64{0} // goose requires the row of version 0
	for _, migration := range migrations {
		applied = append(applied, migration.Version)
	}
	for _, version := range applied {
		if err := versions.Insert(ctx, tx, database.InsertRequest{Version: version}); err != nil {
			return err
		}
	}
	return tx.Commit()
}

// checkVersion returns an error if the schema is not at the version of this program.
func checkVersion(ctx context.Context, pool *sql.DB, migrations fs.FS) error {
	_, newest, err := migrator(pool, migrations)
	if err != nil {
		return err
	}
	version, err := schemaVersion(ctx, pool)
	if err != nil {
		return err
	}
	if version != newest {
		return versionError(version, newest)
	}
	return nil
}

// migrator returns the migration provider. It must not be closed, because that closes the pool.
func migrator(pool *sql.DB, migrations fs.FS) (steps *goose.Provider, newest int64, err error) {
	steps, err = goose.NewProvider(goose.DialectSQLite3, pool, migrations,
		goose.WithDisableGlobalRegistry(true), goose.WithLogger(goose.NopLogger()))
	if err != nil {
		return nil, 0, err
	}
	sources := steps.ListSources()
	return steps, sources[len(sources)-1].Version, nil
}

// schemaVersion returns the number of the last applied migration, 0 for an empty database.
func schemaVersion(ctx context.Context, pool *sql.DB) (version int64, err error) {
	var table string
	err = pool.QueryRowContext(ctx, "SELECT name FROM sqlite_schema WHERE name = 'goose_db_version'").Scan(&table)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	err = pool.QueryRowContext(ctx, "SELECT coalesce(max(version_id), 0) FROM goose_db_version WHERE is_applied").Scan(&version)
	return version, err
}

func versionError(have, want int64) error {
	if have > want {
		return fmt.Errorf("its schema is version %d, this program supports %d: use the program version that wrote it or a newer one", have, want)
	}
	return fmt.Errorf("its schema is version %d, this program needs %d: run `orderbeat db migrate` or `orderbeat run`", have, want)
}

// Migrated has the schema version before and after a migration.
type Migrated struct {
	From int64 `json:"from"`
	To   int64 `json:"to"`
}

// Version returns the schema version of the database at path.
func Version(ctx context.Context, path string) (int64, error) {
	if err := exists(path); err != nil {
		return 0, err
	}
	pool, err := openPool(path, readerParams, 1)
	if err != nil {
		return 0, err
	}
	defer pool.Close()
	version, err := schemaVersion(ctx, pool)
	if err != nil {
		return 0, fmt.Errorf("database %s: %w", path, err)
	}
	return version, nil
}
