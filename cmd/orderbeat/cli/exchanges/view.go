package exchanges

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"

	"orderbeat/clients/exchange"
	"orderbeat/clients/plain"
	"orderbeat/cmd/orderbeat/cli"
)

// View is an exchange, redacted.
type View struct {
	Op              string              `json:"op"`
	Method          string              `json:"method"`
	URL             string              `json:"url"`
	RequestHeaders  map[string][]string `json:"request_headers"`
	RequestBody     string              `json:"request_body,omitempty"`
	Status          int                 `json:"status"`
	Milliseconds    int64               `json:"duration_ms"`
	ResponseHeaders map[string][]string `json:"response_headers"`
	ResponseBody    string              `json:"response_body,omitempty"`
	ResponseBytes   int64               `json:"response_bytes"`
	Truncated       bool                `json:"truncated"`
}

// ViewOf returns the view of an exchange. It shares the headers with x.
func ViewOf(x exchange.Exchange) View {
	return View{
		Op: x.Op, Method: x.Method, URL: x.URL, RequestHeaders: x.RequestHeader, RequestBody: x.RequestBody, Status: x.Status,
		Milliseconds: x.Duration.Milliseconds(), ResponseHeaders: x.ResponseHeader, ResponseBody: x.ResponseBody,
		ResponseBytes: x.ResponseBytes, Truncated: x.Truncated,
	}
}

// hiddenHeaders are response headers that are not printed: they are never about orders.
var hiddenHeaders = []string{
	"Alt-Svc", "Cache-Control", "Connection", "Content-Encoding", "Content-Length", "Date", "Etag", "Expires", "Keep-Alive", "Pragma",
	"Server", "Set-Cookie", "Strict-Transport-Security", "Transfer-Encoding", "Vary", "Via", "X-Content-Type-Options", "X-Frame-Options",
}

// Print writes the request and the response as text.
func (x View) Print(w io.Writer) {
	fmt.Fprintf(w, "\n> %s %s\n", x.Method, cli.Plain(x.URL))
	printHeaders(w, "> ", x.RequestHeaders)
	PrintBody(w, x.RequestBody)
	if x.Status == 0 {
		fmt.Fprintln(w, "\n< no response")
		return
	}
	fmt.Fprintf(w, "\n< %d %s, %d bytes in %d ms\n", x.Status, http.StatusText(x.Status), x.ResponseBytes, x.Milliseconds)
	shown := maps.Clone(x.ResponseHeaders)
	for _, name := range hiddenHeaders {
		delete(shown, name)
	}
	printHeaders(w, "< ", shown)
	PrintBody(w, x.ResponseBody)
	switch {
	case x.Truncated:
		fmt.Fprintln(w, "  … (truncated)")
	case x.ResponseBody == "" && x.ResponseBytes > 0:
		fmt.Fprintln(w, `  (body not shown: exchanges is not "full")`)
	}
}

func printHeaders(w io.Writer, mark string, headers map[string][]string) {
	for _, name := range slices.Sorted(maps.Keys(headers)) {
		for _, value := range headers[name] {
			fmt.Fprintf(w, "%s%s: %s\n", mark, cli.Plain(name), cli.Plain(value))
		}
	}
}

// PrintBody writes a body, indented if it is JSON and truncated to a readable length.
func PrintBody(w io.Writer, body string) {
	const most, widest = 120, 400 // lines, and bytes in one
	body = strings.TrimSpace(body)
	if body == "" {
		return
	}
	if body[0] == '{' || body[0] == '[' {
		body = plain.Indent(body)
	}
	lines := strings.Split(body, "\n")
	for _, line := range lines[:min(len(lines), most)] {
		if len(line) > widest {
			line = strings.ToValidUTF8(line[:widest], "") + " …"
		}
		fmt.Fprintf(w, "  %s\n", cli.Plain(line))
	}
	if len(lines) > most {
		fmt.Fprintf(w, "  … and %s more: see --json\n", cli.Count(len(lines)-most, "line"))
	}
}
