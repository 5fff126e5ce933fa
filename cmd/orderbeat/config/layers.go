package config

import (
	"maps"
	"os"
	"path/filepath"
	"slices"

	"orderbeat/clients/exchange"
	"orderbeat/clients/section"
	"orderbeat/cmd/orderbeat/config/tomlfile"
)

// Keys with rules of their own: kind, declaration and accounts are allowed only in the section itself;
// samples of all layers are concatenated; exchanges may not exceed what a lower layer allows.
const (
	keyKind        = "kind"
	keyDeclaration = "declaration"
	keyAccounts    = "accounts"
	keySamples     = "samples"
	keyExchanges   = "exchanges"
)

// layer is a provider's section in one document.
type layer struct {
	values map[string]any
	origin
}

// overlay is a provider's section with the declaration file and the preset below it.
type overlay struct {
	layers []layer // highest precedence first
	// declared is true if there may be further layers; whole is true if all could be read.
	declared, whole bool
	// file is the path of the declaration file, "" for none.
	file string
}

// overlay returns a section with its declaration file and the preset of its kind. An unknown kind
// is treated as declared.
func (l *loader) overlay(path string, table map[string]any, kind section.Kind, known bool) *overlay {
	table = maps.Clone(table)
	file, named := table[keyDeclaration]
	delete(table, keyDeclaration)
	s := &overlay{
		layers:   []layer{{values: table, origin: origin{doc: l.doc, path: path}}},
		declared: !known || kind.Declaration != nil, whole: true,
	}
	if named && s.declared {
		l.declaration(s, tomlfile.Key(path, keyDeclaration), file)
	} else if named {
		l.add(tomlfile.Key(path, keyDeclaration), "has no effect: kind %q is not declared", table[keyKind])
	}
	if kind.Declaration != nil {
		l.lower(s, kind.Declaration.Name, kind.Declaration.Text)
	}
	return s
}

// declaration reads the declaration file of a section.
func (l *loader) declaration(s *overlay, key string, value any) {
	file, ok := value.(string)
	if !ok {
		l.wrong(key, value, "a string in quotes, the path of a file")
		s.whole = false
	}
	if file == "" {
		return
	}
	s.file = absolute(filepath.Dir(l.doc.Name), file)
	text, err := os.ReadFile(s.file)
	if err != nil {
		l.add(key, "cannot read %s: %v", s.file, cause(err))
		s.whole = false
		return
	}
	l.lower(s, s.file, text)
}

// lower adds a layer below the others.
func (l *loader) lower(s *overlay, name string, text []byte) {
	doc, mistake := tomlfile.Parse(name, text)
	if mistake != nil {
		l.placed = append(l.placed, mistake)
		s.whole = false
		return
	}
	for _, key := range []string{keyKind, keyDeclaration, keyAccounts} {
		if _, ok := doc.Values[key]; ok {
			l.addAt(origin{doc: doc, path: key}, "is not allowed in a declaration: set it in the provider's section of %s", l.doc.Name)
			delete(doc.Values, key)
		}
	}
	s.layers = append(s.layers, layer{values: doc.Values, origin: origin{doc: doc}})
}

// values merges the layers of the section at path: each key from the highest layer that sets
// it, tables key by key. Samples of all layers are concatenated.
func (l *loader) values(path string, s *overlay) map[string]any {
	if !s.declared {
		return l.merge(path, s.layers)
	}
	samples := l.samples(tomlfile.Key(path, keySamples), s.layers)
	l.checkExchanges(s.layers)
	values := l.merge(path, s.layers)
	if samples != nil {
		values[keySamples] = samples
	}
	return values
}

// kept are the values of the key exchanges, in ascending order of detail.
var kept = []exchange.Detail{exchange.Off, exchange.Metadata, exchange.Full}

// checkExchanges checks that no layer records more detail of exchanges than a layer below it allows:
// a declaration may forbid storing responses.
func (l *loader) checkExchanges(layers []layer) {
	allowed, by := len(kept), ""
	for _, from := range slices.Backward(layers) {
		text, ok := from.values[keyExchanges].(string)
		keep := slices.Index(kept, exchange.Detail(text))
		switch {
		case !ok || keep < 0: // the provider reports invalid values
		case keep > allowed:
			l.addAt(origin{doc: from.doc, path: tomlfile.Key(from.path, keyExchanges)}, "is %q, but %s allows at most %q: remove it", text, by, kept[allowed])
		default:
			allowed, by = keep, from.doc.Name
		}
	}
}

// samples removes the samples from all layers and concatenates them, lowest layer first.
func (l *loader) samples(key string, layers []layer) []any {
	var all []any
	for _, from := range slices.Backward(layers) {
		value, ok := from.values[keySamples]
		delete(from.values, keySamples)
		own := origin{doc: from.doc, path: tomlfile.Key(from.path, keySamples)}
		list, isList := value.([]any)
		if ok && !isList {
			l.addAt(own, "want a list of tables, [[%s]], got %s", own.path, describe(value))
		}
		for i, sample := range list {
			l.origins[tomlfile.Index(key, len(all))] = origin{doc: own.doc, path: tomlfile.Index(own.path, i)}
			all = append(all, sample)
		}
	}
	return all
}

// merge merges the tables at path, highest precedence first, and records where keys are set.
func (l *loader) merge(path string, layers []layer) map[string]any {
	merged := map[string]any{}
	for i, top := range layers {
		for key, value := range top.values {
			if _, ok := merged[key]; ok {
				continue
			}
			below := tomlfile.Key(path, key)
			l.origins[below] = origin{doc: top.doc, path: tomlfile.Key(top.path, key)}
			if _, ok := value.(map[string]any); ok {
				value = l.merge(below, tables(key, layers[i:]))
			}
			merged[key] = value
		}
	}
	return merged
}

// tables returns the layers' tables at key, up to the first value that is not a table.
func tables(key string, layers []layer) []layer {
	var found []layer
	for _, from := range layers {
		value, ok := from.values[key]
		table, isTable := value.(map[string]any)
		if ok && !isTable {
			break
		}
		if ok {
			found = append(found, layer{values: table, origin: origin{doc: from.doc, path: tomlfile.Key(from.path, key)}})
		}
	}
	return found
}
