package declared

import "orderbeat/clients/declared/jq"

// hidden stands for what a declaration has taken out of answers.
const hidden = "REDACTED"

// hide takes the values out of an answer that nobody may see: before it is mapped, so
// that no mapping can let one through.
func (c *Client) hide(v any) {
	if len(c.hidden) == 0 {
		return
	}
	switch v := v.(type) {
	case map[string]any:
		for name, value := range v {
			if c.hidden[jq.FoldName(name)] && value != nil {
				v[name] = hidden
				continue
			}
			c.hide(value)
		}
	case []any:
		for _, e := range v {
			c.hide(e)
		}
	}
}
