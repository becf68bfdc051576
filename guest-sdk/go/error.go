package stepcell

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"stepcell/internal/abi"
)

// Kind is what kind of error a handler reports.
type Kind uint8

const (
	// KindValidation is an input that is wrong. Not tried again unless [Error.Retry] says so.
	KindValidation Kind = iota
	// KindExecution is work that failed. Tried again.
	KindExecution
	// KindConfiguration is a handler that is set up wrongly. Not tried again unless [Error.Retry] says so.
	KindConfiguration
	// KindDependency is something the handler needs and that is not there right now. Tried again.
	KindDependency
)

// Error is why a handler could not answer, and whether another try makes sense. Wrapped in another error, it keeps its kind.
//
//	return stepcell.Dependency("the price list is being rebuilt").RetryAfter(30 * time.Second)
type Error struct {
	kind    Kind
	cause   error
	details *string
	retry   *bool
	after   *time.Duration
}

// Validation says that the input is wrong; the format is that of [fmt.Errorf].
func Validation(format string, args ...any) *Error {
	return failed(KindValidation, fmt.Errorf(format, args...))
}

// Execution says that the work failed.
func Execution(format string, args ...any) *Error {
	return failed(KindExecution, fmt.Errorf(format, args...))
}

// Configuration says that the handler is set up wrongly.
func Configuration(format string, args ...any) *Error {
	return failed(KindConfiguration, fmt.Errorf(format, args...))
}

// Dependency says that something is not there right now.
func Dependency(format string, args ...any) *Error {
	return failed(KindDependency, fmt.Errorf(format, args...))
}

func failed(kind Kind, cause error) *Error { return &Error{kind: kind, cause: cause} }

// Retry says whether to try again, whatever the kind says. Never exceeds the step's attempts.
func (e *Error) Retry(retry bool) *Error {
	e.retry = &retry
	return e
}

// RetryAfter says when to try again, in place of the step's backoff; whole milliseconds.
func (e *Error) RetryAfter(after time.Duration) *Error {
	e.after = &after
	return e
}

// Details adds what a program may want to read. What cannot be written as JSON is left out.
func (e *Error) Details(details any) *Error {
	if text, err := encode(details); err == nil {
		e.details = &text
	}
	return e
}

// Kind is what kind it is.
func (e *Error) Kind() Kind { return e.kind }

// Error is what it says.
func (e *Error) Error() string { return e.cause.Error() }

// Unwrap is what it was made of.
func (e *Error) Unwrap() error { return errors.Unwrap(e.cause) }

// typed finds what an error says about itself; it is a failed execution where it says nothing.
func typed(err error) *Error {
	var known *Error
	if errors.As(err, &known) {
		return known
	}
	var refused interface{ HandlerError() *Error }
	if errors.As(err, &refused) {
		return refused.HandlerError()
	}
	return failed(KindExecution, err)
}

// lower writes an error; the message is that of the outermost.
func lower(err error, into abi.Place) {
	error := typed(err)
	into.PutU8(0, uint8(error.kind))
	into.PutText(4, strings.ToValidUTF8(err.Error(), "\ufffd"))
	into.PutMaybeText(12, error.details)
	if error.retry != nil {
		into.PutU8(24, 1)
		into.PutU8(25, map[bool]uint8{true: 1}[*error.retry])
	}
	into.PutMaybeU64(32, milliseconds(error.after))
}

func milliseconds(wait *time.Duration) *uint64 {
	if wait == nil {
		return nil
	}
	ms := uint64(max(wait.Milliseconds(), 0))
	return &ms
}
