package config

import (
	"net"
	"os"
	"strings"

	"orderbeat/auth"
)

// plainPath rejects values that would create oddly named files. folder is true for the path of
// a folder.
func (l *loader) plainPath(key, path string, folder bool) {
	kind := "file"
	if folder {
		kind = "folder"
	}
	scheme, _, _ := strings.Cut(path, ":")
	switch {
	case scheme == "env" || scheme == "credential":
		l.add(key, "%.60q is a reference to a secret: this key wants the path of a %s. The environment variable %s sets it", path, kind, variableOf(key))
	case scheme == "file" || strings.Contains(path, "://"):
		l.add(key, "%.60q is a URI: this key wants the plain path of a %s", path, kind)
	case strings.HasPrefix(path, "~") || strings.HasPrefix(path, "$"):
		l.add(key, "%.60q: ~ and $ are not expanded: write the full path", path)
	case strings.TrimSpace(path) != path || strings.ContainsFunc(path, func(r rune) bool { return r < ' ' || r == 0x7f }):
		l.add(key, "%.60q begins or ends with a blank, or contains control characters", path)
	}
}

// databasePath rejects values that SQLite does not treat as a file name.
func (l *loader) databasePath(path string) {
	const key = "db.path"
	switch {
	case path == "":
		l.add(key, "is empty: name a file")
	case path == ":memory:":
		l.add(key, `":memory:" would be lost when the process ends: set a file`)
	case strings.ContainsAny(path, "?#"):
		l.add(key, `%.60q: a path with "?" or "#" would be read as a URI with options: choose another name`, path)
	case strings.HasSuffix(path, "/"):
		l.add(key, "%.60q is a folder: name a file", path)
	}
	l.plainPath(key, path, false)
	if info, err := os.Stat(absolute(l.dir, path)); err == nil && info.IsDir() && path != "" {
		l.add(key, "%.60q is a folder: name a file", path)
	}
}

// listener is a key that names an address to listen on.
type listener struct{ key, address string }

// listeners rejects two listeners on the same port.
func (l *loader) listeners(withSandbox bool) {
	var all []listener
	if l.config.NATS.URL == "" {
		all = append(all, listener{"nats.listen", l.file.NATS.Listen})
	}
	all = append(all, listener{"web.listen", l.file.Web.Listen})
	if withSandbox {
		all = append(all, listener{"sandbox.listen", l.file.Sandbox.Listen})
	}
	for i, b := range all {
		for _, a := range all[:i] {
			if addressesConflict(a.address, b.address) {
				l.add(b.key, "%.60q uses the same port as %s, %.60q: choose another", b.address, a.key, a.address)
			}
		}
	}
}

// addressesConflict reports whether two addresses cannot be used at the same time.
func addressesConflict(a, b string) bool {
	hostA, portA, errA := net.SplitHostPort(a)
	hostB, portB, errB := net.SplitHostPort(b)
	if errA != nil || errB != nil || portA != portB || strings.Trim(portA, "0") == "" {
		return false
	}
	every := func(host string) bool { return host == "" || net.ParseIP(host).IsUnspecified() }
	if every(hostA) || every(hostB) || strings.EqualFold(hostA, hostB) {
		return true
	}
	if strings.EqualFold(hostA, "localhost") || strings.EqualFold(hostB, "localhost") {
		return auth.IsLoopback(hostA) && auth.IsLoopback(hostB)
	}
	ipA := net.ParseIP(hostA)
	return ipA != nil && ipA.Equal(net.ParseIP(hostB))
}
