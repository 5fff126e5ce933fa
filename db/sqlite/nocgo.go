//go:build !cgo

package sqlite

// SQLite is C. Without cgo its driver compiles into a stub that fails at run
// time; this fails when it is built.
const _ = cgo_is_needed_for_SQLite__build_with_CGO_ENABLED_1
