// Package outbox stores the messages to publish and the history of events, which are the bodies of order
// messages. A change and its message are stored in the same transaction ([Enqueue]).
//
// It is below the other packages of db and depends on none of them, except sqlite. Start reading at [Store.Publishable].
package outbox
