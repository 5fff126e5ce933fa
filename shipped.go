// Package orderbeat embeds the shipped configuration, which works as it is.
package orderbeat

import _ "embed"

// Config is config.toml.
//
//go:embed config.toml
var Config string
