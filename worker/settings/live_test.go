package settings_test

import (
	"testing"

	"orderbeat/worker/settings"
)

// TestReplacedProviderIsUsedUntilItsLastJobEnds replaces a provider while jobs hold it.
func TestReplacedProviderIsUsedUntilItsLastJobEnds(t *testing.T) {
	before := settings.Provider{Name: "michelin", Concurrency: 1, Uses: &settings.Uses{}}
	after := settings.Provider{Name: "michelin", Concurrency: 2, Uses: &settings.Uses{}}
	live := settings.NewLive([]settings.Provider{before}, nil)
	held, release, ok := live.Hold("michelin")
	_, releaseSecond, _ := live.Hold("michelin")
	if !ok || held.Concurrency != 1 {
		t.Fatalf("got %+v, %v, want the first provider", held, ok)
	}
	live.Replace([]settings.Provider{after}, nil)
	unused := before.Uses.Retire()
	if held, release, ok := live.Hold("michelin"); !ok || held.Concurrency != 2 {
		t.Errorf("got %+v, %v, want the second provider", held, ok)
	} else {
		release()
	}
	release()
	select {
	case <-unused:
		t.Error("the replaced provider is unused while a job holds it")
	default:
	}
	releaseSecond()
	select {
	case <-unused:
	default:
		t.Error("the replaced provider is in use after its last job")
	}
	if _, _, ok := live.Hold("shell"); ok {
		t.Error("a provider that is not configured can be held")
	}
}
