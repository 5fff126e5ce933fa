package section

import (
	"orderbeat/clients/exchange"
	"orderbeat/clients/redact"
)

// ExchangeKeys are the keys of a provider's section about recorded exchanges. A kind embeds it among
// its own keys.
type ExchangeKeys struct {
	// Exchanges is how much is recorded; "" is [exchange.Full].
	Exchanges exchange.Detail `toml:"exchanges"`
	// Hide are paths in JSON documents whose values are redacted: names with dots between them, from the
	// top of the document. Lists are traversed, "*" is any name.
	Hide []string `toml:"hide"`
}

// CheckExchanges reports mistakes in the keys.
func (k *ExchangeKeys) CheckExchanges(wrong *Errors) {
	switch k.Exchanges {
	case "", exchange.Full, exchange.Metadata, exchange.Off:
	default:
		wrong.Add("exchanges", `must be "full", "metadata" or "off", not %.40q`, string(k.Exchanges))
	}
	for i, path := range k.Hide {
		if !redact.ValidPath(path) {
			wrong.Add("hide", `%.60q (number %d) is not a path: write names with dots between them, like "orders.consignee.name"; lists are traversed, * is any name`, path, i+1)
		}
	}
}

// Redactor returns a redactor for the paths, and for members with one of the names.
func (k *ExchangeKeys) Redactor(names ...string) redact.Redactor { return redact.New(names, k.Hide) }
