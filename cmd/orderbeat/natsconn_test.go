package main // an inside test: a main package cannot be imported

import (
	"testing"

	"github.com/nats-io/nats.go"

	"orderbeat/cmd/orderbeat/config"
)

// connectNATS connects to the NATS of a configuration, at the URL of the running worker, with
// the credentials of the commands.
func connectNATS(t *testing.T, path, url string, more ...nats.Option) (*nats.Conn, error) {
	t.Helper()
	c, err := config.LoadPart(path, func(string) string { return "" }, "nats")
	if err != nil {
		t.Fatal(err)
	}
	access, err := c.NATS.Access()
	if err != nil {
		t.Fatal(err)
	}
	return nats.Connect(url, append(access, more...)...)
}
