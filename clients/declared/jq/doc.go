// Package jq runs the jq programs of a declaration within limits of time and memory, whatever
// they do, and reads what they are given and make.
//
// It owns the variables that programs have ([Scope]), the functions that are ours beside jq's
// own, templates in which \(…) is jq, and the decoding of JSON that is charged to an attempt's
// memory. Errors of programs repeat nothing of the input. It may not know HTTP, how providers
// are declared, or what becomes of a result.
//
// Start reading at [Compile] and [Program.Each] in program.go. Then bounded.go, which rewrites a
// program so that all that builds or loops is charged for, and allowance.go, which charges.
package jq
