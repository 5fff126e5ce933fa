// Package wire is what the simulators share of JSON over HTTP: responses, and lenient text in
// requests. It knows no provider. Start reading at [AnswerJSON].
package wire
