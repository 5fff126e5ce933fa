package auth_test

import (
	"testing"

	"orderbeat/auth"
	"orderbeat/auth/storetest"
)

func TestMemoryImplementsTheStoreContract(t *testing.T) {
	storetest.Run(t, func(*testing.T) auth.Store { return auth.NewMemory() })
}
