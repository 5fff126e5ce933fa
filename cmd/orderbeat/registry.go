package main

import (
	"orderbeat/clients/declared"
	"orderbeat/clients/michelin"
	"orderbeat/clients/section"
)

// providers lists every kind of provider. To add one, add a folder below clients/ or a preset
// of clients/declared, and a line here. The kinds of runs are in [orderbeat/jobs.Kinds].
var providers = map[string]section.Kind{
	"declared":  {Open: declared.Open, Declaration: &section.Declaration{Name: "declared"}},
	"mazda":     {Open: declared.Open, Declaration: declared.Preset("mazda")},
	"michelin":  {Open: michelin.Open},
	"microbilt": {Open: declared.Open, Declaration: declared.Preset("microbilt")},
	"ptv":       {Open: declared.Open, Declaration: declared.Preset("ptv")},
	"shell":     {Open: declared.Open, Declaration: declared.Preset("shell")},
}
