package main // an inside test: a main package cannot be imported

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"orderbeat/cmd/orderbeat/cli"
	"orderbeat/worker/contracttest"
)

// snippet is a fenced block of a document.
type snippet struct {
	file     string // relative to the root of the repository
	line     int
	language string
	text     string
}

func (s snippet) String() string { return fmt.Sprintf("%s:%d", s.file, s.line) }

// docFiles are the names of all documents, relative to the root of the repository.
func docFiles(t *testing.T) []string {
	t.Helper()
	docs, err := filepath.Glob("../../docs/*.md")
	if err != nil || len(docs) == 0 {
		t.Fatalf("got %d documents, %v", len(docs), err)
	}
	names := []string{"README.md", "CONTRIBUTING.md", "SECURITY.md"}
	for _, path := range docs {
		names = append(names, "docs/"+filepath.Base(path))
	}
	return names
}

// snippets are the fenced blocks of a document.
func snippets(t *testing.T, name string) (list []snippet) {
	t.Helper()
	text, err := os.ReadFile("../../" + name)
	if err != nil {
		t.Fatal(err)
	}
	open := false
	for i, line := range strings.Split(string(text), "\n") {
		fence, isFence := strings.CutPrefix(line, "```")
		switch {
		case isFence && !open:
			open = true
			list = append(list, snippet{file: name, line: i + 1, language: fence})
		case isFence:
			open = false
		case open:
			list[len(list)-1].text += line + "\n"
		}
	}
	if open {
		t.Errorf("%s: the last block is not closed", name)
	}
	return list
}

// TestDocumentedSnippets checks the blocks of every document: JSON is valid, TOML is a
// configuration or a declaration that is accepted, and commands exist with these flags.
func TestDocumentedSnippets(t *testing.T) {
	for _, name := range docFiles(t) {
		all := snippets(t, name)
		for _, s := range all {
			switch s.language {
			case "json":
				if !json.Valid([]byte(s.text)) {
					t.Errorf("%s: this is not valid JSON:\n%s", s, s.text)
				}
			case "toml":
				checkTOML(t, s, all)
			case "sh":
				for command := range strings.Lines(s.text) {
					checkSnippetCommand(t, s, strings.TrimSpace(command))
				}
			case "text", "": // output and drawings
			case "yaml", "sql":
			default:
				t.Errorf("%s: unknown language %q", s, s.language)
			}
		}
	}
}

var (
	tableHeader = regexp.MustCompile(`(?m)^\[([a-z]+)\]`)
	declaration = regexp.MustCompile(`(?m)^# (\w+\.toml)`)
)

// checkTOML checks a block that is a declaration, named in its first line, or a part of
// config.toml: what the shipped file says of the same sections is left out then.
func checkTOML(t *testing.T, s snippet, all []snippet) {
	t.Helper()
	if declaration.MatchString(s.text) {
		return // checked with the configuration that names it
	}
	folder := t.TempDir()
	for _, other := range all {
		if m := declaration.FindStringSubmatch(other.text); m != nil && other.language == "toml" {
			if err := os.WriteFile(filepath.Join(folder, m[1]), []byte(other.text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	shipped, err := os.ReadFile("../../config.toml")
	if err != nil {
		t.Fatal(err)
	}
	text := string(shipped)
	for _, m := range tableHeader.FindAllStringSubmatch(s.text, -1) {
		text = without(text, "["+m[1]+"]")
	}
	if strings.Contains(s.text, "[providers.michelin]") {
		text = without(text, "[providers.michelin]", "[[providers.michelin.accounts]]")
		s.text += "\n[[providers.michelin.accounts]]\nname = \"documented\"\nbill_to = \"1111111\"\n"
	}
	path := filepath.Join(folder, "config.toml")
	if err := os.WriteFile(path, []byte(s.text+text), 0o600); err != nil {
		t.Fatal(err)
	}
	var stdout, stderr strings.Builder
	secret := func(name string) string {
		if strings.HasPrefix(name, "ORDERBEAT_") && !strings.HasSuffix(name, "PASSWORD") {
			return ""
		}
		if name == "NOTIFY_OPS_URL" {
			return "generic+https://example.com/sample-secret-of-the-documents"
		}
		return "sample-secret-of-the-documents"
	}
	if status := run(t.Context(), []string{"--config", path, "check"}, secret, &stdout, &stderr); status != cli.Done {
		t.Errorf("%s: got exit status %d\n%s%s", s, status, stdout.String(), stderr.String())
	}
	if err := contracttest.CheckConfig([]byte(s.text + text)); err != nil {
		t.Errorf("%s: %v", s, err)
	}
}

// without removes tables from a configuration.
func without(text string, headers ...string) string {
	var kept strings.Builder
	skip := false
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "[") {
			skip = false
			for _, header := range headers {
				skip = skip || strings.HasPrefix(line, header)
			}
		}
		if !skip {
			kept.WriteString(line)
		}
	}
	return kept.String()
}

// checkCommand checks that an orderbeat command has this name, these flags and as many arguments.
func checkSnippetCommand(t *testing.T, s snippet, line string) {
	t.Helper()
	args, ok := orderbeatArgs(line)
	if !ok {
		return
	}
	a := newApp(func(string) string { return "" }, strings.NewReader(""), io.Discard, io.Discard)
	root := root(a)
	disarm(root)
	root.SetArgs(args)
	root.SetOut(io.Discard)
	root.SetErr(io.Discard)
	if err := root.ExecuteContext(t.Context()); err != nil {
		t.Errorf("%s: %s: %v", s, line, err)
	}
}

// disarm makes commands only check their flags and arguments.
func disarm(c *cobra.Command) {
	for _, sub := range c.Commands() {
		disarm(sub)
	}
	if c.RunE != nil {
		c.RunE = func(*cobra.Command, []string) error { return nil }
	}
}

// orderbeatArgs are the arguments of a line that runs orderbeat.
func orderbeatArgs(line string) (args []string, ok bool) {
	words := shellWords(line)
	for len(words) > 0 && regexp.MustCompile(`^[A-Z_]+=`).MatchString(words[0]) {
		words = words[1:]
	}
	switch {
	case len(words) > 0 && (words[0] == "orderbeat" || words[0] == "./orderbeat"):
		return words[1:], true
	case len(words) > 2 && words[0] == "go" && words[1] == "run" && words[2] == "./cmd/orderbeat":
		return words[3:], true
	}
	return nil, false
}

// shellWords are the words of the first command of a line, without quotes.
func shellWords(line string) (words []string) {
	word := regexp.MustCompile(`'[^']*'|"[^"]*"|[^\s'"]+`)
	for _, w := range word.FindAllString(line, -1) {
		if strings.HasPrefix(w, "#") || w == "|" || w == "&&" || w == ">" || w == "&" {
			break
		}
		if w[0] == '"' || w[0] == '\'' {
			w = w[1 : len(w)-1]
		}
		words = append(words, w)
	}
	return words
}

// TestTourWorks runs the commands of the README and of the tour in order, while the program
// runs with the shipped configuration.
func TestTourWorks(t *testing.T) {
	t.Parallel()
	config := shipped(t, t.TempDir(), "@every 3s")
	replace(t, config, `day    = "20s"`, `day    = "1s"`)
	replace(t, config, `listen      = "127.0.0.1:0"`, fmt.Sprintf("listen = %q", "127.0.0.1:"+freePort(t))) // for the commands
	p := startHere(t, config)
	p.eventually("an order has changed", func() bool { return p.count("order_events WHERE revision > 1") > 0 })
	p.eventually("the performance of suppliers is counted", func() bool { return p.count("supplier_performance") > 0 })
	file := openFile(t, config)
	var order, reference string
	if err := file.QueryRow("SELECT order_id, reference FROM orders WHERE reference IS NOT NULL LIMIT 1").Scan(&order, &reference); err != nil {
		t.Fatal(err)
	}
	sample := strings.NewReplacer("SO12701112", order, "PO-55410824", reference)
	ran := map[string]int{}
	for _, name := range []string{"README.md", "docs/getting-started.md"} {
		for _, s := range snippets(t, name) {
			if s.language != "sh" {
				continue
			}
			for line := range strings.Lines(s.text) {
				ran[p.follow(s, file, sample.Replace(strings.TrimSpace(line)))]++
			}
		}
	}
	for _, kind := range []string{"orderbeat", "sqlite3", "nats request", "nats pub", "nats sub", "curl"} {
		if ran[kind] == 0 {
			t.Errorf("the documents have no %s command", kind)
		}
	}
}

// follow runs one command of a document, and returns what kind it is.
func (p *program) follow(s snippet, file *sql.DB, line string) (kind string) {
	p.t.Helper()
	if args, ok := orderbeatArgs(line); ok {
		if args[0] == "run" || args[0] == "init" {
			return args[0] // it does, and there is a configuration
		}
		if r := do(p.t, append([]string{"--config", p.config}, args...)...); r.status != cli.Done || r.stdout == "" {
			p.t.Errorf("%s: %s: got exit status %d and %q, %s", s, line, r.status, r.stdout, r.stderr)
		}
		return "orderbeat"
	}
	words := shellWords(line)
	if len(words) == 0 {
		return ""
	}
	switch kind := strings.Join(words[:min(2, len(words))], " "); {
	case words[0] == "sqlite3":
		p.query(s, file, words[2])
		return words[0]
	case words[0] == "curl":
		p.curl(s, words[1:])
		return words[0]
	case kind == "nats request":
		p.request(strings.TrimPrefix(words[2], "orderbeat.api."), words[3])
		return kind
	case kind == "nats pub":
		p.publish(words[2], words[3])
		return kind
	case kind == "nats sub":
		if _, err := p.conn.SubscribeSync(words[2]); err != nil {
			p.t.Errorf("%s: %s: %v", s, line, err)
		}
		return kind
	case words[0] == "go", words[0] == "eval":
		return words[0] // the test does what they do
	default:
		p.t.Errorf("%s: no test runs %s", s, line)
		return kind
	}
}

// query runs a query, which must find something.
func (p *program) query(s snippet, file *sql.DB, query string) {
	p.t.Helper()
	rows, err := file.Query(query)
	if err != nil {
		p.t.Errorf("%s: %s: %v", s, query, err)
		return
	}
	defer rows.Close()
	if !rows.Next() || rows.Err() != nil {
		p.t.Errorf("%s: %s: got no row, %v", s, query, rows.Err())
	}
}

// curl sends a request to the sandbox.
func (p *program) curl(s snippet, args []string) {
	p.t.Helper()
	method, body, url := http.MethodGet, "", ""
	for i := 0; i < len(args); i++ {
		switch args[i] {
		case "-X":
			i++
			method = args[i]
		case "-d":
			i++
			body = args[i]
		default:
			url = strings.Replace(args[i], "127.0.0.1:8322", p.stand, 1)
		}
	}
	ctx := p.t.Context()
	req, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	client := http.Client{Timeout: 30 * time.Second}
	resp, err := client.Do(req)
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		p.t.Errorf("%s: %s %s: got %s", s, method, url, resp.Status)
	}
}

var (
	link     = regexp.MustCompile(`\[([^\]]*)\]\(([^)#]*)(#[^)]*)?\)`)
	funcName = regexp.MustCompile("^`(?:(\\w+)\\.)?(\\w+)`$")
)

// TestDocumentedLinksResolve checks that linked files exist and contain the function or type
// that a link names.
func TestDocumentedLinksResolve(t *testing.T) {
	checked := 0
	for _, name := range append(docFiles(t), "CHANGELOG.md") {
		text, err := os.ReadFile("../../" + name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range link.FindAllStringSubmatch(string(text), -1) {
			if m[2] == "" || strings.Contains(m[2], "://") {
				continue
			}
			target := filepath.Join("../..", filepath.Dir(name), m[2])
			info, err := os.Stat(target)
			if err != nil {
				t.Errorf("%s: the link to %s leads nowhere", name, m[2])
				continue
			}
			symbol := funcName.FindStringSubmatch(m[1])
			if info.IsDir() || symbol == nil || symbol[2] == "go" || !strings.HasSuffix(target, ".go") {
				continue
			}
			code, err := os.ReadFile(target)
			if err != nil {
				t.Fatal(err)
			}
			receiver := ""
			if symbol[1] != "" {
				receiver = `\(\w+ \*?` + symbol[1] + `(\[\w+\])?\) `
			}
			found := regexp.MustCompile(`(?m)^(func ` + receiver + `|type )` + symbol[2] + `\b`)
			if checked++; !found.Match(code) {
				t.Errorf("%s: %s has no %s", name, m[2], m[1])
			}
		}
	}
	if checked == 0 {
		t.Error("no link names a function")
	}
}
