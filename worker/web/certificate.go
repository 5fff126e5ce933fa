package web

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"
)

// certEvery limits how often the certificate's files are checked for changes.
const certEvery = time.Second

// certificate is the listener's certificate, which is reloaded when its files change. If they
// cannot be loaded because they are being replaced or are invalid, the previous certificate stays in use.
type certificate struct {
	cert, key string
	log       *slog.Logger

	mu       sync.Mutex // guards the rest; one goroutine reads the files, at most once a second
	pair     *tls.Certificate
	stamp    string // identifies the files that pair was loaded from
	lookedAt time.Time
	logged   string // the last error that was logged
}

func openCertificate(cert, key string, log *slog.Logger) (*certificate, error) {
	c := &certificate{cert: cert, key: key, log: log, lookedAt: time.Now()}
	var err error
	c.pair, c.stamp, err = c.read()
	return c, err
}

// get implements GetCertificate of [tls.Config].
func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Since(c.lookedAt) < certEvery {
		return c.pair, nil
	}
	c.lookedAt = time.Now()
	if c.stamped() == c.stamp {
		return c.pair, nil
	}
	pair, stamp, err := c.read()
	if err != nil {
		if err.Error() != c.logged {
			c.log.Warn("failed to load the changed files of web.tls, the previous certificate stays in use", "err", err)
			c.logged = err.Error()
		}
		return c.pair, nil
	}
	c.pair, c.stamp, c.logged = pair, stamp, ""
	c.log.Info("web.tls reloaded", "not_after", pair.Leaf.NotAfter)
	return c.pair, nil
}

func (c *certificate) read() (*tls.Certificate, string, error) {
	stamp := c.stamped() // before loading, so that the next check notices a change during loading
	pair, err := tls.LoadX509KeyPair(c.cert, c.key)
	return &pair, stamp, err
}

// stamped returns a text that identifies the state of the files.
func (c *certificate) stamped() (stamp string) {
	for _, path := range []string{c.cert, c.key} {
		info, err := os.Stat(path)
		if err != nil {
			stamp += err.Error()
			continue
		}
		stamp += fmt.Sprint(info.ModTime().UnixNano(), " ", info.Size(), " ")
	}
	return stamp
}
