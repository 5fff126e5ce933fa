package auth_test

import (
	"testing"
	"testing/synctest"
	"time"

	"orderbeat/auth"
)

// Two processes were killed with a refresh under way, so nobody knows what the refresh
// token is worth. What a person did in between does not change that.
func TestWhatAPersonDoesForgetsNoLostAnswer(t *testing.T) {
	for name, step := range map[string]func(t *testing.T, s *auth.Source){
		"unlatches": func(t *testing.T, s *auth.Source) {
			t.Helper()
			if err := s.Unlatch(t.Context()); err != nil {
				t.Fatal(err)
			}
		},
		"grants access, and the code is refused": func(t *testing.T, s *auth.Source) {
			t.Helper()
			_, c, err := s.Authorize("https://127.0.0.1:8080/code")
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Exchange(t.Context(), c, "another code"); err == nil {
				t.Fatal("the code was taken")
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server, store, first := granted(t)
				server.lenient = true
				first.Close()
				killed := func() {
					time.Sleep(2 * time.Hour)
					_, _ = open(t, userConfig(server, dying{store})).Token(t.Context())
				}
				killed()
				time.Sleep(2 * time.Hour)
				step(t, open(t, userConfig(server, store)))
				killed()
				server.mu.Lock()
				server.sent = nil
				server.mu.Unlock()
				time.Sleep(2 * time.Hour)
				mustConsent(t, open(t, userConfig(server, store)), "answer to a renewal was lost")
				server.got(t)
			})
		})
	}
}
