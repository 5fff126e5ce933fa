package config

import "orderbeat/clients/section"

// Shape has values of the types that the keys of config.toml are decoded into. The JSON Schema of the
// file is generated from them, by their `toml` tags.
type Shape struct {
	// File is the file without the contents of providers, with its defaults.
	File any
	// Provider is the frame of a provider's section; each kind has further keys.
	Provider section.Config
	// Schedule is one of the schedules.
	Schedule any
	// Notify is one of the targets of notifications.
	Notify any
	// URLs and Sync are texts with forms of their own, Share is a number from 0 to 1.
	URLs, Sync, Share any
}

// ShapeOf returns the shape of config.toml.
func ShapeOf() Shape {
	return Shape{File: defaults(), Provider: providerDefaults(""), Schedule: scheduleSection{}, Notify: notifySection{}, URLs: urls(""), Sync: syncMode{}, Share: share{}}
}
