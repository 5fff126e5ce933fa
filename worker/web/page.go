package web

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"html/template"
	"net/http"
	"strings"
)

// page is an HTML page without external content and scripts.
type page struct {
	Status int
	Title  string
	Lines  []string
	// Again is a link to try again, or "".
	Again string
}

const pageStyle = `body{font:1rem/1.5 system-ui,sans-serif;max-width:36rem;margin:4rem auto;padding:0 1rem;color:#222;background:#fff}h1{font-size:1.4rem}`

var pageTemplate = template.Must(template.New("page").Parse(`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{.Title}} - Orderbeat</title>
<style>` + pageStyle + `</style>
</head>
<body>
<main>
<h1>{{.Title}}</h1>
{{range .Lines}}<p>{{.}}</p>
{{end}}{{with .Again}}<p><a href="{{.}}">Try again</a></p>
{{end}}</main>
</body>
</html>
`))

// contentPolicy allows the pages' own style and nothing else.
var contentPolicy = func() string {
	sum := sha256.Sum256([]byte(pageStyle))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
}()

// addLines adds the lines that are not empty.
func (p page) addLines(lines ...string) page {
	for _, line := range lines {
		if line != "" {
			p.Lines = append(p.Lines, line)
		}
	}
	return p
}

// addRetryLink adds a link to try again.
func (p page) addRetryLink(link string) page {
	p.Again = link
	return p
}

// show writes the page as HTML, or as plain text if the client accepts only that.
func (p page) show(rw http.ResponseWriter, r *http.Request) {
	var b bytes.Buffer
	kind := "text/html; charset=utf-8"
	if r.Header.Get("Accept") == "text/plain" {
		kind = "text/plain; charset=utf-8"
		fmt.Fprintln(&b, p.Title)
		fmt.Fprintln(&b, strings.Join(p.Lines, "\n"))
	} else if err := pageTemplate.Execute(&b, p); err != nil {
		http.Error(rw, "failed to render the page", http.StatusInternalServerError)
		return
	}
	rw.Header().Set("Content-Type", kind)
	rw.WriteHeader(p.Status)
	_, _ = rw.Write(b.Bytes()) // the client may have disconnected
}
