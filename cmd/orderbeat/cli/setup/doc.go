// Package setup has the command init, which writes a configuration to start from: the shipped
// config.toml, or the part of it that one kind of provider needs.
//
// Start reading at [Command].
package setup
