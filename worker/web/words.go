package web

import (
	"crypto/rand"
	"slices"
	"sync"
	"time"
)

const (
	// wordLife is how long a single-use token or a decoy state is valid.
	wordLife = 10 * time.Minute
	maxWords = 100
)

// Words has random single-use tokens, each for one purpose. If there are too many, the oldest is
// dropped. It is safe for concurrent use.
type Words struct {
	mu   sync.Mutex // guards list
	list []word     // oldest first
}

type word struct {
	text, about string
	until       time.Time
}

// Make creates a single-use token for the purpose about.
func (w *Words) Make(about string) (text string, until time.Time) {
	text, until = rand.Text(), time.Now().Add(wordLife)
	w.add(text, about, until)
	return text, until
}

func (w *Words) add(text, about string, until time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	w.list = slices.DeleteFunc(w.list, func(old word) bool { return !now.Before(old.until) })
	if len(w.list) >= maxWords {
		w.list = slices.Delete(w.list, 0, 1)
	}
	w.list = append(w.list, word{text, about, until})
}

// use reports whether a token is valid for a purpose, and removes it. All tokens are compared, in
// constant time.
func (w *Words) use(text, about string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	found := -1
	for i, known := range w.list {
		if same(known.text, text)&same(known.about, about) == 1 {
			found = i
		}
	}
	if found < 0 {
		return false
	}
	good := time.Now().Before(w.list[found].until)
	w.list = slices.Delete(w.list, found, found+1)
	return good
}
