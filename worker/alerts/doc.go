// Package alerts raises and resolves alerts, and checks what becomes wrong by time alone:
// accounts that are stale, and orders that become late on the local date of their account.
//
// It owns these checks and the log lines of alerts; the database publishes each transition once.
// It knows neither NATS nor the rooms that raise alerts of their own. Start reading at
// [Alerts.Hold].
package alerts
