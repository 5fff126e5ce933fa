// Package section defines a [providers.<name>] section: the keys that all kinds of provider
// share ([Config]), their checks, environments, TLS, rates and token keys, and [Open], by which a
// kind makes a provider from a [Section].
//
// It must not know single providers or send requests: package config reads the file, each kind reads its
// own keys. Start reading at [Open] and [Section].
package section
