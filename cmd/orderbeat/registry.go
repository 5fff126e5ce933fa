package main

import (
	"orderbeat/clients"
	"orderbeat/clients/declared"
	"orderbeat/clients/michelin"
)

// providers lists every kind of provider there is. A new one is a folder below
// clients/ and a line here, or a preset of clients/declared and a line here; the kinds
// of runs are listed in [orderbeat/jobs.Kinds].
var providers = map[string]clients.Open{
	"mazda":     declared.Open,
	"michelin":  michelin.Open,
	"microbilt": declared.Open,
	"ptv":       declared.Open,
	"shell":     declared.Open,
}
