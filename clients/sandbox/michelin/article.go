package michelin

import "fmt"

// article is a fictitious tyre.
type article struct {
	id, buyersID, ean, description string // buyersID and ean may be ""
}

var (
	sizes = []string{
		"265/70R17", "225/45R17", "205/55R16", "275/55R20", "235/65R18",
		"215/60R16", "245/40R19", "285/75R16", "195/65R15", "255/50R20",
	}
	treads = []string{"A", "B", "C", "D", "E", "F"}
)

var catalog = newCatalog()

// methods are ways of ordering (OpenAPI 1.0.1, orderingMethod).
var methods = []string{"CSR KEYED", "INTERNET", "EDI PO", "TELEPHONY", "VMI", "ERPEBIB", "S2S INTEGRATION"}

func newCatalog() []article {
	all := make([]article, len(sizes)*len(treads))
	for n := range all {
		a := &all[n]
		a.id = fmt.Sprintf("%05d", 70001+n)
		a.description = sizes[n%len(sizes)] + " SAMPLE TREAD " + treads[n/len(sizes)]
		if n%3 != 0 {
			a.buyersID = fmt.Sprint(300 + n)
		}
		if n%4 == 0 {
			a.ean = internalEAN(n)
		}
	}
	return all
}

// internalEAN is an EAN-13 from the range 20-29, which GS1 reserves for internal use.
func internalEAN(n int) string {
	digits := fmt.Sprintf("20%010d", n)
	sum := 0
	for i, d := range digits {
		sum += int(d-'0') * (1 + 2*(i%2))
	}
	return fmt.Sprintf("%s%d", digits, (10-sum%10)%10)
}
