package page

import (
	"context"
	"crypto/subtle"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"orderbeat/worker/api"
)

// action is an action of an operator: it calls an endpoint of the request/reply service.
type action struct {
	endpoint string
	label    string // label of the confirm button
	// ask is the confirmation question for an action that cannot be undone, with a verb for the object's name; "" asks
	// nothing.
	ask  string
	done string // notice after the action
}

// actions has the actions by name.
var actions = map[string]action{
	"cancel-run":       {endpoint: "runs.cancel", label: "Cancel the run", ask: "Cancel run %s? Its jobs that have not ended are cancelled; what was stored stays.", done: "The run is cancelled."},
	"pause-run":        {endpoint: "runs.pause", done: "The run is paused."},
	"resume-run":       {endpoint: "runs.resume", done: "The run continues."},
	"retry-run":        {endpoint: "jobs.retry", done: "The failed jobs of the run are queued again."},
	"retry-job":        {endpoint: "jobs.retry", done: "The job is queued again."},
	"cancel-job":       {endpoint: "jobs.cancel", label: "Cancel the job", ask: "Cancel job %s? A running request is interrupted.", done: "The job is cancelled."},
	"pause-schedule":   {endpoint: "schedules.pause", done: "The schedule is paused."},
	"resume-schedule":  {endpoint: "schedules.resume", done: "The schedule continues."},
	"trigger-schedule": {endpoint: "schedules.trigger", done: "The schedule's run was started."},
	"unlatch":          {endpoint: "auth.unlatch", label: "Try the credentials again", ask: "Let %s be tried again? Repeated rejections can get this machine's address blocked: check client_id and client_secret first.", done: "The credentials will be tried again."},
	"logout":           {endpoint: "auth.logout", label: "Log out", ask: "Log %s out? The tokens are deleted, and revoked if the provider supports it; a user must grant access again.", done: "Logged out."},
	actionGrant:        {endpoint: "auth.authorize", done: "The consent link was created."},
}

// actionGrant creates a link instead of returning to the page.
const actionGrant = "grant"

// fields has the form fields that are copied to requests.
var fields = []string{"run_id", "job_id", "name", "note", "provider", "user"}

// protected rejects cross-origin requests, and requests without the form token of this
// process.
func (p *Page) protected(next http.Handler) http.Handler {
	checked := http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(rw, r.Body, maxForm)
		if subtle.ConstantTimeCompare([]byte(r.PostFormValue("token")), []byte(p.token)) != 1 {
			p.failed(rw, r, &api.Error{
				Status: http.StatusForbidden, Code: "forbidden", Message: "This form has expired because Orderbeat was restarted.",
				Hint: "Go back, load the page again and repeat the action.",
			})
			return
		}
		next.ServeHTTP(rw, r)
	})
	origin := http.NewCrossOriginProtection()
	origin.SetDenyHandler(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		p.failed(rw, r, &api.Error{Status: http.StatusForbidden, Code: "forbidden", Message: "The request came from a page of another site."})
	}))
	return origin.Handler(checked)
}

// act performs the action of a form. If the action cannot be undone, it asks for confirmation first.
func (p *Page) act(rw http.ResponseWriter, r *http.Request) error {
	name := r.PathValue("action")
	a, ok := actions[name]
	if !ok {
		return notFound("There is no such action.")
	}
	user, operator := p.Caller(r)
	form := map[string]string{}
	for _, field := range fields {
		if value := r.PostFormValue(field); value != "" {
			form[field] = value
		}
	}
	who := []any{"action", name, "caller", user, "address", r.RemoteAddr, "fields", form}
	if !operator {
		p.Log.Warn("action rejected: read-only user", who...)
		return &api.Error{Status: http.StatusForbidden, Code: "forbidden", Message: "This user may only read.", Hint: "Log in with the operator's login in web.auth."}
	}
	if _, lag := p.Following(); lag == nil && p.NotLeader() != nil {
		return &api.Error{Status: http.StatusServiceUnavailable, Code: "unavailable", Message: "This process does not lead, and does not know the leader.", Hint: "Use the leader's page, or retry in a few seconds."}
	}
	if a.ask != "" && r.PostFormValue("confirmed") != "yes" {
		return p.show(rw, r, http.StatusOK, "confirm.html", "", a.label, map[string]any{
			"Action": name, "Label": a.label, "Question": fmt.Sprintf(a.ask, subject(form)), "Form": form, "Back": p.back(r),
		})
	}
	if a.endpoint == "schedules.pause" || a.endpoint == "runs.pause" {
		form["note"] = strings.TrimSpace(form["note"] + " (page" + by(user) + ")")
	}
	if name == actionGrant {
		return p.grant(rw, r, form)
	}
	var reply any
	if err := p.call(r.Context(), a.endpoint, form, &reply); err != nil {
		p.Log.Warn("action failed", append(who, "err", err)...)
		return err
	}
	p.Log.Info("action carried out", who...)
	http.Redirect(rw, r, withNotice(p.back(r), name), http.StatusSeeOther)
	return nil
}

// grant shows a link with which a user grants access.
func (p *Page) grant(rw http.ResponseWriter, r *http.Request, form map[string]string) error {
	var link api.Authorize
	if err := p.call(r.Context(), "auth.authorize", form, &link); err != nil {
		return err
	}
	return p.show(rw, r, http.StatusOK, "grant.html", "credentials", "Grant access", map[string]any{"Link": link, "Form": form})
}

// call calls an endpoint. It continues if the browser disconnects.
func (p *Page) call(ctx context.Context, endpoint string, form map[string]string, reply any) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), actionTimeout)
	defer cancel()
	return p.Call(ctx, endpoint, form, reply)
}

func by(user string) string {
	if user == "" {
		return ""
	}
	return ", " + user
}

// subject returns the name of the object of an action.
func subject(form map[string]string) string {
	switch {
	case form["user"] != "":
		return form["user"] + " (" + form["provider"] + ")"
	case form["provider"] != "":
		return form["provider"]
	default:
		return form["run_id"] + form["job_id"] + form["name"]
	}
}

// back returns the address to return to after an action. It is always an address of this page.
func (p *Page) back(r *http.Request) string {
	u, err := url.Parse(r.PostFormValue("back"))
	if err != nil || u.Scheme != "" || u.Host != "" || u.Path != "/" && !strings.HasPrefix(u.Path, "/ui/") || strings.HasPrefix(u.Path, "//") {
		return p.base + "/"
	}
	return p.base + u.RequestURI()
}

func withNotice(address, name string) string {
	u, err := url.Parse(address)
	if err != nil {
		return address
	}
	q := u.Query()
	q.Set("done", name)
	u.RawQuery = q.Encode()
	return u.String()
}
