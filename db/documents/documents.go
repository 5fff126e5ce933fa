package documents

import (
	"bytes"
	"cmp"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"orderbeat/clients"
	"orderbeat/db/orders"
	"orderbeat/db/sqlite"
	"orderbeat/jobs"
)

// Store reads despatch advices and invoices.
type Store struct{ file *sqlite.DB }

// New returns the documents of a file.
func New(file *sqlite.DB) *Store { return &Store{file} }

// Tx is a transaction on documents and the orders they belong to.
type Tx struct {
	*sqlite.Tx
	orders orders.Tx
}

// In returns a transaction on documents, and on the orders they belong to.
func In(t *sqlite.Tx, o orders.Tx) Tx { return Tx{t, o} }

// Document is a reported despatch advice or invoice, encoded before the write transaction.
type Document struct {
	*documentKind
	id     string
	orders []string // order ids in the document
	// bill is the bill of lading if a line has no order id, else "".
	bill        string
	fingerprint [16]byte
	text        string // JSON
	rows        documentRows
	// merged fills in unreadable values from the stored document; nil if all values could be
	// read.
	merged func(stored string) (Document, error)
}

// documentRows are the columns of a document and of its lines.
type documentRows struct {
	head  []any
	lines [][]any
}

// documentKind describes a kind of document: despatch advices or invoices.
type documentKind struct {
	name        string // in order_documents
	event       string // event type
	path        func(id string) string
	refresh     func(text string) ([16]byte, error) // recomputes the fingerprint of a stored document
	known       string                              // this and the following are SQL statements
	store       string
	line        string
	deleteLines string
	deleteHead  string
	text        string
}

// Encode encodes the documents of an outcome, sorted by kind and id. If a document is reported
// twice, the last one wins.
func Encode(o *jobs.Outcome) ([]Document, error) {
	list := make([]Document, 0, len(o.Advices)+len(o.Invoices))
	add := func(provider, account string, d Document, content any) (err error) {
		if provider != o.Provider || account != o.Account || d.id == "" {
			return fmt.Errorf("%s %.80q belongs to %.80q %.80q, not to %s %s", d.name, d.id, provider, account, o.Provider, o.Account)
		}
		d.text, err = sqlite.EncodeJSON(content)
		list = append(list, d)
		return err
	}
	for i := range o.Advices {
		a := &o.Advices[i]
		if err := add(a.Provider, a.Account, adviceDocument(a), a); err != nil {
			return nil, err
		}
	}
	for i := range o.Invoices {
		v := &o.Invoices[i]
		if err := add(v.Provider, v.Account, invoiceDocument(v), v); err != nil {
			return nil, err
		}
	}
	slices.Reverse(list)
	slices.SortStableFunc(list, func(a, b Document) int { return cmp.Or(cmp.Compare(a.name, b.name), cmp.Compare(a.id, b.id)) })
	return slices.CompactFunc(list, func(a, b Document) bool { return a.name == b.name && a.id == b.id }), nil
}

// storedDocument is the stored version of a reported document.
type storedDocument struct {
	fingerprint     []byte
	changedAt, text string
}

// storeDocuments stores the new and changed documents of an outcome and returns them with their
// previous texts, and the unchanged ones.
func (t Tx) storeDocuments(o *jobs.Outcome, list []Document) (changed []changedDocument, same []*Document, err error) {
	stored := map[*documentKind]map[string]storedDocument{}
	requestedAt, now := sqlite.Stamp(o.AskedAt), sqlite.Stamp(time.Now())
	for i := range list {
		d := &list[i]
		if stored[d.documentKind] == nil {
			if stored[d.documentKind], err = t.storedDocuments(o, d.documentKind, list); err != nil {
				return nil, nil, err
			}
		}
		before, known := stored[d.documentKind][d.id]
		if known && requestedAt < before.changedAt && before.changedAt <= now {
			continue // older than the stored version
		}
		if known && d.merged != nil {
			if *d, err = d.merged(before.text); err != nil {
				return nil, nil, fmt.Errorf("%s %s: %w", d.name, d.id, err)
			}
		}
		equal := known && bytes.Equal(before.fingerprint, d.fingerprint[:])
		if equal && before.text == d.text {
			same = append(same, d)
			continue
		}
		changedAt := requestedAt
		if equal { // only unreadable values differ
			changedAt = before.changedAt
		}
		if err := t.storeDocument(o, d, known, changedAt); err != nil {
			return nil, nil, fmt.Errorf("%s %s: %w", d.name, d.id, err)
		}
		if known {
			// The fingerprint also differs if a newer program version computes it differently.
			if was, err := d.refresh(before.text); err != nil || was == d.fingerprint {
				same = append(same, d)
				continue
			}
		}
		changed = append(changed, changedDocument{d, before.text})
	}
	return changed, same, nil
}

// changedDocument is a new or changed document; before is the previous text, "" for a new one.
type changedDocument struct {
	*Document
	before string
}

// storedDocuments looks up the stored versions of documents of one kind with one statement.
func (t Tx) storedDocuments(o *jobs.Outcome, k *documentKind, list []Document) (map[string]storedDocument, error) {
	keys, err := json.Marshal(idsOf(k, list))
	if err != nil {
		return nil, err
	}
	stored := map[string]storedDocument{}
	err = t.Each(k.known, []any{o.Provider, o.Account, string(keys)}, func(rows *sql.Rows) error {
		var id string
		var s storedDocument
		err := rows.Scan(&id, &s.fingerprint, &s.changedAt, &s.text)
		stored[id] = s
		return err
	})
	return stored, err
}

// WouldChange reports whether the documents of an outcome differ from the stored ones.
func (t Tx) WouldChange(o *jobs.Outcome, list []Document) (bool, error) {
	requestedAt := sqlite.Stamp(o.AskedAt)
	for _, kind := range []*documentKind{&advices, &invoices} {
		stored, err := t.storedDocuments(o, kind, list)
		if err != nil {
			return false, err
		}
		for i := range list {
			before, ok := stored[list[i].id]
			if list[i].documentKind == kind && (!ok || requestedAt >= before.changedAt && !bytes.Equal(before.fingerprint, list[i].fingerprint[:])) {
				return true, nil
			}
		}
	}
	return false, nil
}

// idsOf returns the ids of the documents of one kind.
func idsOf(k *documentKind, list []Document) (ids []string) {
	for i := range list {
		if list[i].documentKind == k {
			ids = append(ids, list[i].id)
		}
	}
	return ids
}

// storeDocument inserts or replaces the rows of a document.
func (t Tx) storeDocument(o *jobs.Outcome, d *Document, known bool, requestedAt string) error {
	key := []any{o.Provider, o.Account, d.id}
	if known {
		if _, err := t.Exec(d.deleteLines, key...); err != nil {
			return err
		}
	}
	if _, err := t.Exec(d.store, slices.Concat(key, d.rows.head, []any{requestedAt, requestedAt, d.fingerprint[:], d.text})...); err != nil {
		return err
	}
	for seq, line := range d.rows.lines {
		if _, err := t.Exec(d.line, slices.Concat(key, []any{seq + 1}, line)...); err != nil {
			return err
		}
	}
	return nil
}

// recomputeFingerprint returns the fingerprint of a stored document as this program version computes
// it.
func recomputeFingerprint[T any](text string, of func(*T) [16]byte) ([16]byte, error) {
	var v T
	err := json.Unmarshal([]byte(text), &v)
	return of(&v), err
}

func adviceDocument(a *clients.Advice) Document {
	orders, unnamed := a.OrderIDs()
	d := Document{documentKind: &advices, id: a.AdviceID, orders: orders, fingerprint: a.Fingerprint(), rows: adviceRows(a)}
	if unnamed {
		d.bill = string(a.BillOfLading)
	}
	if a.Unread != 0 {
		d.merged = func(stored string) (Document, error) { return mergedDocument(stored, a, a.KeepStored, adviceDocument) }
	}
	return d
}

func invoiceDocument(i *clients.Invoice) Document {
	d := Document{documentKind: &invoices, id: i.Number, orders: i.OrderIDs(), fingerprint: i.Fingerprint(), rows: invoiceRows(i)}
	if i.Unread != 0 {
		d.merged = func(stored string) (Document, error) { return mergedDocument(stored, i, i.KeepStored, invoiceDocument) }
	}
	return d
}

// mergedDocument encodes a document after filling in unreadable values from the stored document.
func mergedDocument[T any](text string, content *T, keepStored func(stored *T), build func(*T) Document) (Document, error) {
	var stored T
	if err := json.Unmarshal([]byte(text), &stored); err != nil {
		return Document{}, err
	}
	keepStored(&stored)
	d := build(content)
	var err error
	d.text, err = sqlite.EncodeJSON(content)
	return d, err
}

// decodeStored decodes the JSON of a document.
func decodeStored[T any](text string, build func(*T) Document) (Document, error) {
	var content T
	if err := json.Unmarshal([]byte(text), &content); err != nil {
		return Document{}, err
	}
	d := build(&content)
	d.text = text
	return d, nil
}
