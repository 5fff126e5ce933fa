// Package notify has the command that tests the targets of notifications.
package notify
