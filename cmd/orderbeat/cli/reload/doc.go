// Package reload has the command that makes a running worker read its configuration again.
package reload
