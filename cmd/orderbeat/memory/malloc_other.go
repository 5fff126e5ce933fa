//go:build !linux

package memory

// oneArena does nothing: only glibc has an arena per thread.
func oneArena() {}
