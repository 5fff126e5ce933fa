// Package alerts raises and resolves alerts, and checks for problems that arise when time passes:
// stale accounts, providers that are unavailable for long, and orders that become late on the account's local date.
//
// It owns these checks and the log messages about alerts; the outbox publishes each transition once.
// It depends neither on NATS nor on the packages that raise other alerts. Start reading at
// [Alerts.Hold].
package alerts
