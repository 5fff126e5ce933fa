// Package diagnostics has the commands that test an installation: check (configuration),
// doctor (credentials), health (worker) and env (connection to NATS).
package diagnostics
