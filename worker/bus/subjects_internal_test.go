package bus // an inside test: filters are compared where streams are checked

import (
	"testing"

	"github.com/nats-io/nats-server/v2/server"
)

// The server decides what a stream takes; this is the same decision without it.
func TestIsSubsetAgreesWithTheServer(t *testing.T) {
	filters := []string{"a", "b", "*", ">", "a.b", "a.*", "a.>", "*.b", "*.*", "*.>", "a.b.c", "a.*.c", "a.b.>", "a.*.>", "*.b.c", ">.a"}
	for _, filter := range filters {
		for _, of := range filters {
			if got, want := isSubset(filter, of), server.SubjectMatchesFilter(filter, of); got != want {
				t.Errorf("isSubset(%q, %q) = %t, the server says %t", filter, of, got, want)
			}
		}
	}
}
