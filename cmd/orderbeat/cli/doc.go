// Package cli is what the commands of orderbeat share: the App with its streams and
// configuration, exit statuses, output as tables and JSON that cannot control a terminal, and
// the clients of a running worker (NATS API and web listener).
//
// It knows no command; each noun has a package below. Start reading at [App.Run].
package cli
