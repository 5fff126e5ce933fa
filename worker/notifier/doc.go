// Package notifier sends alerts that were raised or resolved to the targets of [[notify]]: e-mail,
// chats, push services, webhooks.
//
// It decides when a message is sent and retried, writes its text, and calls the services (with
// shoutrrr). The notifications are queued in the database when an alert is raised or resolved. It does
// not depend on NATS or on the code that raises alerts. Start reading at [Notifier.Run].
package notifier
