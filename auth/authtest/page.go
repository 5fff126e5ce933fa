package authtest

import (
	"html/template"
	"net/http"
)

// consentPage asks what Mazda's Access keys for DMS (OAuth2) shows a user. Its form
// goes back to the URL that it came from, query and all. The buttons below the two
// are there to try the errors that the dialect documents.
var consentPage = template.Must(template.New("consent").Parse(`<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Grant access</title>
<form method="post">
<p>Dear <input name="user" value="{{.User}}" aria-label="user" required>,
do you want to grant application '{{.Application}}' access to {{.Services}}?</p>
<p><button name="answer" value="grant">Grant</button>
<button name="answer" value="access_denied">Refuse</button></p>
<details><summary>Other answers</summary>
<p>{{range .Errors}}<button name="answer" value="{{.}}">{{.}}</button>
{{end}}</p></details>
</form>
<p>This is a stand-in. It takes any name and asks for no password.</p>
</html>
`))

var stopPage = template.Must(template.New("stop").Parse(`<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>No access</title>
<p>{{.}}</p>
</html>
`))

// ask shows the question.
func (s *Server) ask(w http.ResponseWriter) {
	show(w, http.StatusOK, consentPage, map[string]any{
		"User": s.options.User, "Application": s.options.ClientID,
		"Services": s.dialect.services, "Errors": s.dialect.redirectErrors,
	})
}

// stop shows why there is nothing to be asked.
func (s *Server) stop(w http.ResponseWriter, status int, why string) {
	s.counts.refused.Add(1)
	show(w, status, stopPage, why)
}

func show(w http.ResponseWriter, status int, page *template.Template, data any) {
	w.Header().Set("Content-Type", "text/html;charset=UTF-8")
	protect(w)
	w.WriteHeader(status)
	_ = page.Execute(w, data) // what cannot be written has nobody left to read it
}

// protect keeps codes and states out of other places (RFC 9700 section 4.2.4).
func protect(w http.ResponseWriter) {
	w.Header().Set("Referrer-Policy", "no-referrer")
	w.Header().Set("Cache-Control", "no-store")
}
