// Package relay publishes the messages of the outbox: events, results, alerts, requests for
// runs and replies. Nothing else publishes them.
//
// It keeps messages in order, prevents duplicates in streams, and encodes messages as
// CloudEvents. It does not depend on providers or on the planner. A function in [Config] reports
// whether this process may publish. Start reading at [Relay.Run].
package relay
