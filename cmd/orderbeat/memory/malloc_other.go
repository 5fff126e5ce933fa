//go:build !linux

package memory

// oneArena does nothing: it is glibc that reserves an arena for each thread.
func oneArena() {}
