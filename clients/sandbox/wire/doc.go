// Package wire has the JSON and HTTP code that the simulators share: responses, and lenient strings in
// requests. It is independent of providers. Start reading at [WriteJSON].
package wire
