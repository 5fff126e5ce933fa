// Package cli has what the commands of orderbeat share: the App with its streams and
// configuration, exit statuses, output as tables and JSON that cannot control a terminal, and
// the clients of a running worker (NATS API and web listener).
//
// The commands are in packages below this one, one for each noun. Start reading at [App.Run].
package cli
