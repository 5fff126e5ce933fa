// Package slots limits how many jobs run at once: in the process, and of one provider.
//
// It knows neither jobs nor providers. Start reading at [Slots].
package slots
