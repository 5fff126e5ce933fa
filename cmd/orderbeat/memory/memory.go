// Package memory limits the memory of the process.
package memory

import (
	"fmt"
	"log/slog"
	"math"
	"os"
	"runtime/debug"

	"github.com/KimMachineGun/automemlimit/memlimit"
	"golang.org/x/sys/unix"
)

// Limit sets the soft memory limit of the garbage collector: nine tenths of the cgroup's
// limit or else of the machine's memory, less if the address space is limited (ulimit -v).
// GOMEMLIMIT takes precedence.
func Limit(log *slog.Logger) {
	source := "GOMEMLIMIT"
	if os.Getenv(source) == "" {
		source = "cgroup or machine"
	}
	limit, err := memlimit.Set(memlimit.WithProvider(memlimit.ApplyFallback(memlimit.FromCgroup, memlimit.FromSystem)))
	if err != nil {
		log.Warn("memory limit unknown", "err", err, "hint", "set GOMEMLIMIT")
	}
	if left, ok := addressSpace(); ok && left < limit && source != "GOMEMLIMIT" {
		limit, source = left, "address space"
		debug.SetMemoryLimit(limit)
	}
	if limit == math.MaxInt64 {
		log.Info("memory limit", "source", "none")
		return
	}
	log.Info("memory limit", "megabytes", limit>>20, "source", source)
}

// addressSpace returns the limit of the heap if the address space is limited: half of the
// rest, because threads and C code need memory too, and the heap grows in steps of 64 MB.
func addressSpace() (bytes int64, ok bool) {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_AS, &limit); err != nil || limit.Cur >= math.MaxInt64 {
		return 0, false
	}
	oneArena()
	var pages int64
	statm, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0, false
	}
	if _, err := fmt.Sscan(string(statm), &pages); err != nil {
		return 0, false
	}
	const least = 64 << 20
	left := int64(limit.Cur) - pages*int64(os.Getpagesize())
	return max(left/2, least), true
}
