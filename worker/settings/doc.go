// Package settings has the settings that the packages of the worker share: the configured providers and
// schedules. They were validated when the configuration was read.
//
// It imports neither NATS nor the database, so that programs that only read a configuration do not link the
// NATS server. Start reading at [Provider] and [Schedule].
package settings
