package memory

/*
#include <stdlib.h>
#ifdef __GLIBC__
#include <malloc.h>
static void one_arena(void) { mallopt(M_ARENA_MAX, 1); }
#else
static void one_arena(void) {}
#endif
*/
import "C"

// oneArena has C's allocator, which SQLite uses, keep one arena: glibc reserves 64 MB of
// address space for each thread that has one of its own.
func oneArena() { C.one_arena() }
