// Package unpublishable stores the messages that their stream rejects: postponed in the outbox or set aside, with one
// alert for each provider. It also records how far each topic was published ([Store.RecordAttempt]).
//
// It depends on outbox, alerts and sqlite. Start reading at [Store.Postpone].
package unpublishable
