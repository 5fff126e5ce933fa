package section

import (
	"orderbeat/clients/exchange"
	"orderbeat/clients/redact"
)

// ExchangeKeys is what a provider's section says about what is kept of its exchanges. A kind
// of provider has it among its own keys.
type ExchangeKeys struct {
	// Exchanges says how much; "" is KeepFull.
	Exchanges exchange.Detail `toml:"exchanges"`
	// Hide are paths of JSON documents whose values are hidden in what is kept: names
	// with dots between them, from the document's top. Lists are gone through, "*" is any
	// name.
	Hide []string `toml:"hide"`
}

// CheckExchanges notes what is wrong.
func (k *ExchangeKeys) CheckExchanges(wrong *Errors) {
	switch k.Exchanges {
	case "", exchange.Full, exchange.Metadata, exchange.Off:
	default:
		wrong.Add("exchanges", `must be "full", "metadata" or "off", not %.40q`, string(k.Exchanges))
	}
	for i, path := range k.Hide {
		if !redact.ValidPath(path) {
			wrong.Add("hide", `%.60q (number %d) is no path: write names with dots between them, like "orders.consignee.name"; lists are gone through, * is any name`, path, i+1)
		}
	}
}

// Redactor hides the paths, and what has one of the names.
func (k *ExchangeKeys) Redactor(names ...string) redact.Redactor { return redact.New(names, k.Hide) }
