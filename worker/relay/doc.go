// Package relay publishes the messages of the outbox: events, results, alerts, requests for
// runs and replies. Nothing else publishes them.
//
// It owns the order of publishing, that no message enters a stream twice, and the CloudEvents
// encoding. It knows neither providers nor planning; whether this process may publish is a
// function in [Config]. Start reading at [Relay.Run].
package relay
