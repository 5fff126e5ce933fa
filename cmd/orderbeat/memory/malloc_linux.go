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

// oneArena makes C's allocator, which SQLite uses, share one arena: glibc reserves 64 MB of
// address space for each further one.
func oneArena() { C.one_arena() }
