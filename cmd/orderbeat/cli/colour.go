package cli

import (
	"fmt"
	"io"
	"strings"
)

// The colours of states, as parameters of the control sequence SGR (ECMA-48).
const (
	red    = "31"
	green  = "32"
	yellow = "33"
	cyan   = "36"
	grey   = "90"
)

// colours has the colours of the states of runs, jobs, orders, alerts, ticks, breakers and credentials.
// Other states are not coloured.
var colours = map[string]string{
	"succeeded": green, "running": cyan, "waiting": yellow, "paused": yellow, "blocked": yellow, "partial": yellow, "failed": red,
	"dead": red, "cancelled": grey,
	"shipped": green, "delivered": green, "partially_shipped": cyan, "backordered": yellow, "unknown": yellow,
	"raised": red, "resolved": green,
	"started": green, "caught_up": green, "skipped": grey, "missed": red, "not recorded": yellow,
	"closed": green, "half_open": yellow,
	"valid": green, "consent_required": red, "rejected": red, "cooldown": yellow,
	"fresh": green, "stale": red, "never": yellow, "ok": green,
}

// stateColumns are the headings of the columns whose cells are states.
var stateColumns = map[string]bool{
	"STATE": true, "STATUS": true, "OUTCOME": true, "BREAKER": true, "CREDENTIALS": true, "FRESHNESS": true, "FOUND": true,
}

// colourOf returns the colour of a cell, "" for none.
func colourOf(heading, cell string) string {
	if !stateColumns[heading] {
		return ""
	}
	switch {
	case heading == "BREAKER" && cell == "open":
		return red
	case heading == "STATUS" && len(cell) == 3 && (cell[0] == '4' || cell[0] == '5'): // of HTTP
		return red
	}
	state, _, _ := strings.Cut(cell, " (") // "rejected (1 of 3)"
	return colours[state]
}

// colourful returns w if it is a terminal that shows colours, else nil.
func colourful(w io.Writer) *terminal {
	if t, ok := w.(*terminal); ok && t.colours {
		return t
	}
	return nil
}

// painted returns text in a colour. The text must not contain control characters.
func painted(colour, text string) string { return "\x1b[" + colour + "m" + text + "\x1b[0m" }

// PrintState writes a state, in its colour on a terminal.
func PrintState(w io.Writer, state string) {
	state = Plain(state)
	if t, colour := colourful(w), colours[state]; t != nil && colour != "" {
		fmt.Fprint(t.w, painted(colour, state))
		return
	}
	fmt.Fprint(w, state)
}
