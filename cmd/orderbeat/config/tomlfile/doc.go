// Package tomlfile reads a TOML file with the position of every key, so that errors name file,
// line and column. It depends on no other package of Orderbeat: callers decide what keys mean.
// Start reading at [Parse].
package tomlfile
