package declared

import (
	"maps"
	"slices"

	"orderbeat/clients"
	"orderbeat/clients/section"
)

// Lacks tells what an account has not that asking for its orders needs, as joined
// [*section.ConfigError] values whose keys are the account's; nil when nothing is missing.
// Without it, the account's credentials can be checked all the same.
func (c *Client) Lacks(a clients.Account) error {
	var missing section.Errors
	for _, known := range []struct{ name, value string }{{"bill_to", a.BillTo}, {"ship_to", a.ShipTo}} {
		if by := c.uses[known.name]; by != "" && known.value == "" {
			missing.Add(known.name, "is missing: %s uses it", by)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.params)) {
		if _, ok := a.Params[name]; !ok {
			missing.Add("params."+name, "is missing: %s uses it", c.params[name])
		}
	}
	return missing.Err()
}
