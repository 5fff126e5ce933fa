package web

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"
)

// certEvery is how often it is looked at most whether the certificate's files changed.
const certEvery = time.Second

// certificate is the listener's, read again when its files change. A pair that cannot be
// used, because it is being replaced or is wrong, leaves the one before in use.
type certificate struct {
	cert, key string
	log       *slog.Logger

	mu       sync.Mutex // guards the rest; files are read by one at a time, once a second at most
	pair     *tls.Certificate
	stamp    string // of the files that pair was made of
	lookedAt time.Time
	told     string // the last failure that was logged
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
		if err.Error() != c.told {
			c.log.Warn("failed to load the changed files of web.tls, the previous certificate stays in use", "err", err)
			c.told = err.Error()
		}
		return c.pair, nil
	}
	c.pair, c.stamp, c.told = pair, stamp, ""
	c.log.Info("web.tls reloaded", "not_after", pair.Leaf.NotAfter)
	return c.pair, nil
}

func (c *certificate) read() (*tls.Certificate, string, error) {
	stamp := c.stamped() // before: a change meanwhile is seen by the next look
	pair, err := tls.LoadX509KeyPair(c.cert, c.key)
	return &pair, stamp, err
}

// stamped tells states of the files apart.
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
