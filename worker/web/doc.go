// Package web is the HTTP listener: the password, the pages through which users grant access, and
// the paths of health, readiness and metrics.
//
// It owns the listener with its certificate, the limit on wrong passwords, the accepted Host
// headers and the pages' layout. It knows neither NATS nor the database: its content is in
// [SiteConfig]. Start reading at [Site.Pages].
package web
