package page

import (
	"net/http"

	"orderbeat/auth"
	"orderbeat/db/alerts"
	"orderbeat/db/reports"
	"orderbeat/worker/api"
)

type credentialsBody struct{ Credentials []auth.Status }

// credentials lists the states of all credentials.
func (p *Page) credentials(rw http.ResponseWriter, r *http.Request) error {
	var list api.Credentials
	if err := p.Call(r.Context(), "auth.status", api.Credential{}, &list); err != nil {
		return err
	}
	return p.show(rw, r, http.StatusOK, "credentials.html", "credentials", "Credentials", credentialsBody{list.Credentials})
}

type alertsBody struct {
	Raised   []alerts.Alert
	Resolved []reports.ResolvedAlert
}

// alerts lists open alerts, and the latest resolved ones.
func (p *Page) alerts(rw http.ResponseWriter, r *http.Request) error {
	var b alertsBody
	var err error
	if b.Raised, err = p.DB.Alerts(r.Context(), true); err != nil {
		return err
	}
	if b.Resolved, err = p.DB.Reports().ResolvedAlerts(r.Context(), 4*maxRows); err != nil {
		return err
	}
	return p.show(rw, r, http.StatusOK, "alerts.html", "alerts", "Alerts", b)
}
