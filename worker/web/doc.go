// Package web implements the HTTP listener: the login, the pages with which users grant access, and
// the paths of health, readiness and metrics.
//
// It manages the listener and its certificate, limits wrong passwords, checks Host
// headers and renders the consent pages. It does not depend on NATS or the database: its content is in
// [SiteConfig]. Start reading at [Site.Pages].
package web
