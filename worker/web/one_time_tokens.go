package web

import (
	"crypto/rand"
	"slices"
	"sync"
	"time"
)

const (
	// oneTimeTokenLife is how long a single-use token or a decoy state is valid.
	oneTimeTokenLife = 10 * time.Minute
	maxOneTimeTokens = 100
)

// OneTimeTokens has random single-use tokens, each for one purpose. If there are too many, the oldest is
// dropped. It is safe for concurrent use.
type OneTimeTokens struct {
	mu   sync.Mutex     // guards list
	list []oneTimeToken // oldest first
}

type oneTimeToken struct {
	text, about string
	until       time.Time
}

// Make creates a single-use token for the purpose about.
func (w *OneTimeTokens) Make(about string) (text string, until time.Time) {
	text, until = rand.Text(), time.Now().Add(oneTimeTokenLife)
	w.add(text, about, until)
	return text, until
}

func (w *OneTimeTokens) add(text, about string, until time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	w.list = slices.DeleteFunc(w.list, func(old oneTimeToken) bool { return !now.Before(old.until) })
	if len(w.list) >= maxOneTimeTokens {
		w.list = slices.Delete(w.list, 0, 1)
	}
	w.list = append(w.list, oneTimeToken{text, about, until})
}

// use reports whether a token is valid for a purpose, and removes it. All tokens are compared, in
// constant time.
func (w *OneTimeTokens) use(text, about string) bool {
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
