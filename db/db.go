package db

// DB is the database.
type DB struct{}
