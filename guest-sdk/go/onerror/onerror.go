// Package onerror lets a component decide what follows when an attempt of any of its handlers failed.
package onerror

import (
	"errors"

	"stepcell"
	"stepcell/internal/hook"
)

// Failure is why an attempt did not complete.
type Failure struct {
	Kind    string // "trap", "handler_error.execution", "timeout", ...
	Message string
	details string
}

// Details reads what the handler added to its error; false where it added nothing.
func (f Failure) Details(into any) (bool, error) {
	if f.details == "" {
		return false, nil
	}
	return true, hook.Decode(f.details, "failure's details", into)
}

var decide func(stepcell.Context, Failure) (stepcell.Outcome, error)

// Handle has a function decide, in a fresh instance and with a small budget: [stepcell.Leave] leaves the failure as it is, and
// so does an error, whose message is added. Call it in a func init, once.
func Handle(handler func(stepcell.Context, Failure) (stepcell.Outcome, error)) { decide = handler }

func run(failure Failure) (any, error) {
	if decide == nil {
		return nil, errors.New("package onerror is imported, and onerror.Handle is not called")
	}
	return decide(stepcell.Context{}, failure)
}
