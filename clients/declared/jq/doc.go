// Package jq runs the jq programs of a declaration within limits of time and memory, and reads their
// inputs and results.
//
// It owns the variables of programs ([Scope]), the functions added to jq's own, templates in which
// \(…) is jq, and the decoding of JSON against an attempt's memory budget. Errors of programs
// repeat nothing of the input. It must not know about HTTP, how providers are declared, or what a result is
// used for.
//
// Start reading at [Compile] and [Program.Each] in program.go. Then bounded.go, which rewrites a
// program so that everything that builds or loops is charged for, and allowance.go, which charges.
package jq
