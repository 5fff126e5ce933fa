package contract

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strconv"
	"strings"
)

// source reads comments of the module's packages.
type source struct {
	root     string // folder of the module
	packages map[string]*packageComments
}

// packageComments are the comments of one package.
type packageComments struct {
	types  map[string]string            // by type
	fields map[string]map[string]string // by type and field
	values map[string][]enumValue       // constants by type, in the order of the source
}

// enumValue is one constant of a string type.
type enumValue struct{ value, comment string }

// module is the path of the module.
const module = "orderbeat"

func newSource(root string) *source {
	return &source{root: root, packages: map[string]*packageComments{}}
}

// of returns the comments of the package with an import path; none for a package of another module.
func (s *source) of(path string) *packageComments {
	if p, ok := s.packages[path]; ok {
		return p
	}
	p := &packageComments{types: map[string]string{}, fields: map[string]map[string]string{}, values: map[string][]enumValue{}}
	s.packages[path] = p
	if path != module && !strings.HasPrefix(path, module+"/") {
		return p
	}
	dir := filepath.Join(s.root, strings.TrimPrefix(strings.TrimPrefix(path, module), "/"))
	entries, err := os.ReadDir(dir)
	if err != nil {
		panic(fmt.Sprintf("contract: %v", err)) // the source is incomplete
	}
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".go") || strings.HasSuffix(e.Name(), "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(dir, e.Name()), nil, parser.ParseComments)
		if err != nil {
			panic(fmt.Sprintf("contract: %v", err))
		}
		p.read(file)
	}
	return p
}

func (p *packageComments) read(file *ast.File) {
	for _, decl := range file.Decls {
		g, ok := decl.(*ast.GenDecl)
		if !ok {
			continue
		}
		for _, spec := range g.Specs {
			switch spec := spec.(type) {
			case *ast.TypeSpec:
				p.types[spec.Name.Name] = text(spec.Doc, g.Doc)
				if s, ok := spec.Type.(*ast.StructType); ok {
					p.readFields(spec.Name.Name, s)
				}
			case *ast.ValueSpec:
				p.readValue(spec)
			}
		}
	}
}

// readFields reads the comments of a struct's fields. A nested struct without a name has the name of
// its field below that of the struct.
func (p *packageComments) readFields(name string, s *ast.StructType) {
	p.fields[name] = map[string]string{}
	above := ""
	for _, f := range s.Fields.List {
		for _, n := range f.Names {
			comment := text(f.Doc, f.Comment)
			if comment == "" && regexp.MustCompile(`\b`+n.Name+`\b`).MatchString(above) { // one comment for several fields
				comment = above
			}
			above = comment
			p.fields[name][n.Name] = comment
			if nested, ok := f.Type.(*ast.StructType); ok {
				p.readFields(name+"."+n.Name, nested)
			}
		}
	}
}

func (p *packageComments) readValue(spec *ast.ValueSpec) {
	named, ok := spec.Type.(*ast.Ident)
	if !ok || len(spec.Names) != 1 || len(spec.Values) != 1 || !spec.Names[0].IsExported() {
		return
	}
	if literal, ok := spec.Values[0].(*ast.BasicLit); ok && literal.Kind == token.STRING {
		value, err := strconv.Unquote(literal.Value)
		if err == nil {
			p.values[named.Name] = append(p.values[named.Name], enumValue{value, constant.ReplaceAllString(text(spec.Doc, spec.Comment), "")})
		}
	}
}

// constant is how the comment above a constant begins.
var constant = regexp.MustCompile(`^[A-Z]\w+(: | is )`)

// text is the first comment that is not empty, on one line per paragraph.
func text(all ...*ast.CommentGroup) string {
	for _, c := range all {
		if t := strings.TrimSpace(c.Text()); t != "" {
			paragraphs := strings.Split(t, "\n\n")
			for i := range paragraphs {
				paragraphs[i] = strings.Join(strings.Fields(paragraphs[i]), " ")
			}
			return strings.Join(paragraphs, "\n\n")
		}
	}
	return ""
}

// describe returns the description of a type, or of one of its fields, for readers who do not know
// Go: names of fields become those of the members.
func (s *source) describe(t reflect.Type, field, tag string) string {
	p := s.of(t.PkgPath())
	comment := p.types[t.Name()]
	if field != "" {
		comment = p.fields[t.Name()][field]
	}
	if comment == "" {
		return ""
	}
	names := map[string]string{}
	for f := range fields(t, tag) {
		names[f.Name] = f.key
	}
	own := t.Name()
	comment = link.ReplaceAllString(comment, "$1")
	comment = word.ReplaceAllStringFunc(comment, func(w string) string {
		if strings.Contains(w, "-") { // the name of a header
			return w
		}
		if key, ok := names[w]; ok && (field != "" || w != own) && (w == field || strings.Contains(key, "_") || lower.MatchString(w)) {
			return "`" + key + "`"
		}
		return w
	})
	comment = null.ReplaceAllString(comment, "null")
	if field == "" {
		comment = strings.TrimPrefix(comment, own+" is ")
	} else {
		comment = strings.TrimPrefix(comment, "`"+names[field]+"` is ")
	}
	return strings.ToUpper(comment[:1]) + comment[1:]
}

var (
	link  = regexp.MustCompile(`\[\*?(?:\w+\.)*(\w+)\]`)
	word  = regexp.MustCompile(`\b[A-Z][\w-]+\b`)
	lower = regexp.MustCompile(`^[A-Z]\w*[A-Z]\w*$`)
	// null is how Go and SQL write it.
	null = regexp.MustCompile(`\b(nil|NULL)\b`)
)

// member is a struct's field that has a key in a document.
type member struct {
	reflect.StructField
	key     string
	options string
}

// fields yields the members of a struct, also those of embedded structs, by their tag.
func fields(t reflect.Type, tag string) func(yield func(member) bool) {
	return func(yield func(member) bool) {
		if t.Kind() != reflect.Struct {
			return
		}
		for _, f := range reflect.VisibleFields(t) {
			key, options, _ := strings.Cut(f.Tag.Get(tag), ",")
			if key != "" && key != "-" && !yield(member{f, key, options}) {
				return
			}
		}
	}
}
