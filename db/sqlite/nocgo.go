//go:build !cgo

package sqlite

// Without cgo the SQLite driver compiles into a stub that fails at run time. This fails at build time
// instead.
const _ = cgo_is_needed_for_SQLite__build_with_CGO_ENABLED_1
