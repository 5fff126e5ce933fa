package main

import (
	"orderbeat/clients"
	"orderbeat/clients/michelin"
)

// providers lists every kind of provider there is. A new one is a folder below
// clients/ and a line here; the kinds of runs are listed in [orderbeat/jobs.Kinds].
var providers = map[string]clients.Open{
	"michelin": michelin.Open,
}
