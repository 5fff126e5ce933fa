// Package settings has what the rooms of the worker share: the configured providers and
// schedules, as values that were checked when the configuration was read.
//
// It imports neither NATS nor the database, so that reading a configuration links no
// server. Start reading at [Provider] and [Schedule].
package settings
