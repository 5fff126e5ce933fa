package clients

import (
	"fmt"
	"runtime/debug"
)

// Recover calls a provider's code, and returns what it returns. A panic in it becomes an
// error with [CodeInternal] and the stack, so that it ends the call and not the process.
func Recover(op string, call func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = &Error{Op: op, Code: CodeInternal, Message: fmt.Sprintf("panic: %v\n%s", r, debug.Stack())}
		}
	}()
	return call()
}

// TraitsOf is p.Traits. The error says that it panicked.
func TraitsOf(p Provider) (t Traits, err error) {
	err = Recover("traits", func() error {
		t = p.Traits()
		return nil
	})
	return t, err
}
