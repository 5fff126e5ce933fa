// Package relay publishes what the outbox holds: events, results, alerts, jobs, requests for
// runs and replies. It is the only way out for them.
//
// It owns the order in which messages go out, that none enters a stream twice, and their
// spelling as CloudEvents. It knows neither providers nor who plans jobs; whether this process
// may publish now it is told by [Config]. Start reading at [Relay.Run].
package relay
