// Package sandbox serves the sandbox of the provider APIs over HTTP: for a worker, for the
// command provider, or standalone for the command sandbox.
package sandbox
