package config

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"orderbeat/clients/exchange"
	"orderbeat/clients/section"
	"orderbeat/cmd/orderbeat/config/tomlfile"
)

// The keys that say where a section's other keys come from, and that only the section
// itself has; and the one whose tables are added up.
const (
	keyKind        = "kind"
	keyDeclaration = "declaration"
	keyAccounts    = "accounts"
	keySamples     = "samples"
	keyExchanges   = "exchanges"
)

// layer is a provider's section as one text has it.
type layer struct {
	values map[string]any
	origin
}

// stack is a provider's section together with what it stands upon.
type stack struct {
	layers []layer // the highest first
	// declared says that there may be more than the section itself, and whole that all
	// of it could be read.
	declared, whole bool
	// file is the path of the declaration that the section names, "" for none.
	file string
}

// stack puts together a section, the file that it names and the declaration of its
// kind. A kind that nobody knows is taken for a declared one.
func (l *loader) stack(path string, table map[string]any, kind section.Kind, known bool) *stack {
	table = maps.Clone(table)
	file, named := table[keyDeclaration]
	delete(table, keyDeclaration)
	s := &stack{
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

// declaration reads the file that a section's key names.
func (l *loader) declaration(s *stack, key string, value any) {
	file, ok := value.(string)
	if !ok {
		l.wrong(key, value, "a text in quotes, the path of a file")
		s.whole = false
	}
	if file == "" {
		return
	}
	s.file = absolute(filepath.Dir(l.doc.Name), file)
	text, err := os.ReadFile(s.file)
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		err = e.Err
	}
	if err != nil {
		l.add(key, "cannot read %s: %v", s.file, err)
		s.whole = false
		return
	}
	l.lower(s, s.file, text)
}

// lower adds a text that the section stands upon.
func (l *loader) lower(s *stack, name string, text []byte) {
	doc, mistake := tomlfile.Parse(name, text)
	if mistake != nil {
		l.told = append(l.told, mistake)
		s.whole = false
		return
	}
	for _, key := range []string{keyKind, keyDeclaration, keyAccounts} {
		if _, ok := doc.Values[key]; ok {
			l.tell(origin{doc: doc, path: key}, "has no place in a declaration: write it into the provider's section of %s", l.doc.Name)
			delete(doc.Values, key)
		}
	}
	s.layers = append(s.layers, layer{values: doc.Values, origin: origin{doc: doc}})
}

// values are those of the whole section, which is at path: each key from the highest
// layer that has it, and tables key by key. Samples alone are those of every layer.
func (l *loader) values(path string, s *stack) map[string]any {
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

// kept are the values of the key exchanges, the one that keeps least first.
var kept = []exchange.Detail{exchange.Off, exchange.Metadata, exchange.Full}

// checkExchanges sees to it that no layer keeps more of exchanges than one below it
// allows: a declaration that says that answers must be stored nowhere knows why.
func (l *loader) checkExchanges(layers []layer) {
	allowed, by := len(kept), ""
	for _, from := range slices.Backward(layers) {
		text, ok := from.values[keyExchanges].(string)
		keep := slices.Index(kept, exchange.Detail(text))
		switch {
		case !ok || keep < 0: // what is no such text is told by the provider
		case keep > allowed:
			l.tell(origin{doc: from.doc, path: tomlfile.Key(from.path, keyExchanges)}, "is %q, where %s allows %q and no more: leave it out", text, by, kept[allowed])
		default:
			allowed, by = keep, from.doc.Name
		}
	}
}

// samples takes the samples out of all layers and puts them together, the lowest
// layer's first.
func (l *loader) samples(key string, layers []layer) []any {
	var all []any
	for _, from := range slices.Backward(layers) {
		value, ok := from.values[keySamples]
		delete(from.values, keySamples)
		own := origin{doc: from.doc, path: tomlfile.Key(from.path, keySamples)}
		list, isList := value.([]any)
		if ok && !isList {
			l.tell(own, "want a list of tables, [[%s]], got %s", own.path, describe(value))
		}
		for i, sample := range list {
			l.origins[tomlfile.Index(key, len(all))] = origin{doc: own.doc, path: tomlfile.Index(own.path, i)}
			all = append(all, sample)
		}
	}
	return all
}

// merge makes one table of those at path, the highest first, and notes where its keys
// come from.
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

// tables are the layers' tables at key, down to where something else stands.
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
