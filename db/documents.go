package db

import (
	"bytes"
	"cmp"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"orderbeat/clients"
	"orderbeat/jobs"
)

// document is a despatch advice or an invoice as a provider reported it, made ready
// before the writer is entered.
type document struct {
	*documentKind
	id     string
	orders []string // those that it names
	// bill says whose it is where a line names no order; "" where every line does.
	bill        string
	fingerprint [16]byte
	text        string // JSON
	rows        documentRows
	// merged is the document with what is stored of what could not be read of it; nil where
	// everything could.
	merged func(stored string) (document, error)
}

// documentRows are a document's own columns and those of its lines.
type documentRows struct {
	head  []any
	lines [][]any
}

// documentKind is what despatch advices and invoices have of their own.
type documentKind struct {
	name      string // in order_documents
	event     string // the type of the events that tell of one
	path      func(id string) string
	refresh   func(text string) ([16]byte, error) // the fingerprint of one that is stored
	known     string                              // the statements
	store     string
	line      string
	dropLines string
	text      string
}

// documents makes the documents of an outcome ready, sorted by kind and id. Of one that
// is told twice, the last word counts.
func documents(o *jobs.Outcome) ([]document, error) {
	list := make([]document, 0, len(o.Advices)+len(o.Invoices))
	add := func(provider, account string, d document, content any) (err error) {
		if provider != o.Provider || account != o.Account || d.id == "" {
			return fmt.Errorf("%s %.80q of %.80q %.80q is not one of %s %s", d.name, d.id, provider, account, o.Provider, o.Account)
		}
		d.text, err = encode(content)
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
	slices.SortStableFunc(list, func(a, b document) int { return cmp.Or(cmp.Compare(a.name, b.name), cmp.Compare(a.id, b.id)) })
	return slices.CompactFunc(list, func(a, b document) bool { return a.name == b.name && a.id == b.id }), nil
}

// storedDocument is what is stored of a document that is reported again.
type storedDocument struct {
	fingerprint     []byte
	changedAt, text string
}

// storeDocuments stores what is new or changed of an outcome's documents, and returns
// those that are, with the text that each had before.
func (t *tx) storeDocuments(o *jobs.Outcome, list []document) (news []newDocument, err error) {
	stored := map[*documentKind]map[string]storedDocument{}
	asked, now := stamp(o.AskedAt), stamp(time.Now())
	for i := range list {
		d := &list[i]
		if stored[d.documentKind] == nil {
			if stored[d.documentKind], err = t.storedDocuments(o, d.documentKind, list); err != nil {
				return nil, err
			}
		}
		before, known := stored[d.documentKind][d.id]
		if known && asked < before.changedAt && before.changedAt <= now {
			continue // it tells what was
		}
		if known && d.merged != nil {
			if *d, err = d.merged(before.text); err != nil {
				return nil, fmt.Errorf("%s %s: %w", d.name, d.id, err)
			}
		}
		same := known && bytes.Equal(before.fingerprint, d.fingerprint[:])
		if same && before.text == d.text {
			continue
		}
		changedAt := asked
		if same { // but for what could not be read of it
			changedAt = before.changedAt
		}
		if err := t.storeDocument(o, d, known, changedAt); err != nil {
			return nil, fmt.Errorf("%s %s: %w", d.name, d.id, err)
		}
		if known {
			// A fingerprint is another one too after the program learned to take it differently.
			if was, err := d.refresh(before.text); err != nil || was == d.fingerprint {
				continue
			}
		}
		news = append(news, newDocument{d, before.text})
	}
	return news, nil
}

// newDocument is one that is new or changed; before is "" for a new one.
type newDocument struct {
	*document
	before string
}

// storedDocuments finds what is stored of documents of one kind with one statement.
func (t *tx) storedDocuments(o *jobs.Outcome, k *documentKind, list []document) (map[string]storedDocument, error) {
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

// idsOf lists the documents of one kind.
func idsOf(k *documentKind, list []document) (ids []string) {
	for i := range list {
		if list[i].documentKind == k {
			ids = append(ids, list[i].id)
		}
	}
	return ids
}

// storeDocument inserts or replaces the rows of a document.
func (t *tx) storeDocument(o *jobs.Outcome, d *document, known bool, asked string) error {
	key := []any{o.Provider, o.Account, d.id}
	if known {
		if _, err := t.Exec(d.dropLines, key...); err != nil {
			return err
		}
	}
	if _, err := t.Exec(d.store, slices.Concat(key, d.rows.head, []any{asked, asked, d.fingerprint[:], d.text})...); err != nil {
		return err
	}
	for seq, line := range d.rows.lines {
		if _, err := t.Exec(d.line, slices.Concat(key, []any{seq + 1}, line)...); err != nil {
			return err
		}
	}
	return nil
}

// fingerprintAnew is what a stored document's fingerprint is as this program takes it.
func fingerprintAnew[T any](text string, of func(*T) [16]byte) ([16]byte, error) {
	var v T
	err := json.Unmarshal([]byte(text), &v)
	return of(&v), err
}

func adviceDocument(a *clients.Advice) document {
	orders, unnamed := a.OrderIDs()
	d := document{documentKind: &advices, id: a.AdviceID, orders: orders, fingerprint: a.Fingerprint(), rows: adviceRows(a)}
	if unnamed {
		d.bill = string(a.BillOfLading)
	}
	if a.Unread != 0 {
		d.merged = func(stored string) (document, error) { return mergedDocument(stored, a, a.KeepStored, adviceDocument) }
	}
	return d
}

func invoiceDocument(i *clients.Invoice) document {
	d := document{documentKind: &invoices, id: i.Number, orders: i.OrderIDs(), fingerprint: i.Fingerprint(), rows: invoiceRows(i)}
	if i.Unread != 0 {
		d.merged = func(stored string) (document, error) { return mergedDocument(stored, i, i.KeepStored, invoiceDocument) }
	}
	return d
}

// mergedDocument makes a document ready after it took what could not be read of it from what
// is stored.
func mergedDocument[T any](text string, content *T, keepStored func(stored *T), ready func(*T) document) (document, error) {
	var stored T
	if err := json.Unmarshal([]byte(text), &stored); err != nil {
		return document{}, err
	}
	keepStored(&stored)
	d := ready(content)
	var err error
	d.text, err = encode(content)
	return d, err
}
