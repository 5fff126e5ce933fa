// Package web is the HTTP listener: who may look, the pages through which users grant
// access, and the paths of health, readiness and metrics.
//
// It owns the listener with its certificate, the password and the count of wrong ones, the
// Host headers that are served and the pages' layout. It knows neither NATS nor the
// database: what it shows comes in through [SiteConfig]. Start reading at [Site.Pages].
package web
