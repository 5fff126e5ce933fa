// Package notifier sends alerts that were raised or resolved to the targets of [[notify]]: e-mail,
// chats, push services, webhooks.
//
// It owns when a message is sent and repeated, its text, and the services (by shoutrrr). What is to
// be sent is in the database, where it was put when the alert was raised or resolved. It knows
// neither NATS nor what raises alerts. Start reading at [Notifier.Run].
package notifier
