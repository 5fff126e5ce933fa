package michelin

import (
	"fmt"
	"strconv"
	"strings"

	"orderbeat/clients/sandbox/clock"
	"orderbeat/clients/sandbox/wire"
)

// Order numbers are computed from an [orderID], and an orderID from a number. Eight digits hold a million
// generations of each slot: with the default day length, more than four years for the shortest life. Then
// numbers repeat.
const (
	generations = 1_000_000
	firstNumber = 10_000_000
)

// The customer's numbers are sorted differently from Michelin's: poFactor spreads them over the same range,
// poInverse reverses it (the product is 1 modulo the range).
const (
	poFactor  = 31_415_927
	poInverse = 66_465_863
)

func numberRange() int64 { return generations * int64(len(Parties)) * slotsPerHead }

func (id orderID) number() int64 {
	generation := clock.FloorMod(id.generation, generations)
	return (generation*int64(len(Parties))+int64(id.account))*slotsPerHead + int64(id.slot)
}

// identify returns the id of the latest order with a number. newest returns the current generation of a slot.
func identify(n int64, newest func(account, slot int) int64) orderID {
	heads := int64(len(Parties))
	id := orderID{slot: int(n % slotsPerHead), account: int(n / slotsPerHead % heads)}
	generation := n / slotsPerHead / heads
	last := newest(id.account, id.slot)
	id.generation = last - clock.FloorMod(last-generation, generations)
	return id
}

func formatNumber(n int64) string { return fmt.Sprintf("SO%08d", firstNumber+n) }

func formatPO(n int64) string {
	return fmt.Sprintf("PO-%08d", firstNumber+n*poFactor%numberRange())
}

// formatBOL returns the number of the bill of lading of one of an order's trucks.
func formatBOL(n int64, truck int) string { return fmt.Sprintf("BOL%08d%02d", firstNumber+n, truck) }

func parseNumber(s string) (n int64, ok bool) { return parse(s, "SO") }

func parsePO(s string) (n int64, ok bool) {
	n, ok = parse(s, "PO-")
	return n * poInverse % numberRange(), ok
}

func parse(s, prefix string) (n int64, ok bool) {
	digits, found := strings.CutPrefix(s, prefix)
	if !found || !numeric(wire.Text(digits)) || len(digits) != 8 {
		return 0, false
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	n -= firstNumber
	return n, err == nil && n >= 0 && n < numberRange()
}
