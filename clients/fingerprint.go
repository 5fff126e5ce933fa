package clients

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
)

// Fingerprint is equal for two normalized reports of one order exactly when [Diff]
// finds no change between them, given the same volatile. It is the same in every
// process and may be stored; a new version of the program that compares more or
// other fields gives other fingerprints, so that Diff has the last word.
func (o *Order) Fingerprint(volatile []string) [16]byte {
	var onStack [4 << 10]byte // holds most orders
	b := onStack[:0]
	columns := o.columns()
	b = appendColumns(b, columns[:], volatile)
	b = binary.AppendUvarint(b, uint64(len(o.Lines)))
	for i := range o.Lines {
		b = o.Lines[i].appendTo(b, volatile)
	}
	sum := sha256.Sum256(b)
	return [16]byte(sum[:16])
}

// fingerprintOf is of everything that the JSON of a document tells.
func fingerprintOf(document any) [16]byte {
	text, err := json.Marshal(document)
	if err != nil {
		panic(err) // texts, dates and numbers always have a JSON form
	}
	sum := sha256.Sum256(text)
	return [16]byte(sum[:16])
}
