package clients

import "fmt"

// SampleReport is what trying the samples of a section found that is not wrong.
type SampleReport struct {
	// Tried is how many samples there are.
	Tried int
	// Warnings are about single samples.
	Warnings []string
}

// StatusWarnings says of the first few orders whose provider states another status than their
// lines have ([Order.Stated]) which of the two is stored.
func StatusWarnings(orders []Order) (warnings []string) {
	const most = 5
	more := 0
	for i := range orders {
		o := &orders[i]
		switch {
		case o.Stated == "":
		case len(warnings) < most:
			warnings = append(warnings, fmt.Sprintf("order %.128s: its status is mapped to %q, its lines make it %q, which is stored", o.OrderID, o.Stated, o.Status))
		default:
			more++
		}
	}
	if more > 0 {
		warnings = append(warnings, fmt.Sprintf("and %d more orders with another status than their lines", more))
	}
	return warnings
}
