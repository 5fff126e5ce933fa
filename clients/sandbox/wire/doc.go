// Package wire is what the stand-ins share of JSON over HTTP: answers, and lenient text in requests.
// It knows no provider. Start reading at [AnswerJSON].
package wire
