// Package tomlfile reads a TOML file with the position of every key, so that errors name file,
// line and column. It knows no type of Orderbeat: what keys mean is decided by its callers.
// Start reading at [Parse].
package tomlfile
