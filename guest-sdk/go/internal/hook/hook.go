// Package hook lets the packages of optional exports reach what package stepcell keeps to itself.
package hook

import "stepcell/internal/abi"

var (
	// Run runs a piece of work and answers where the result is that crosses the line. The work answers a stepcell.Outcome.
	Run func(shape Shape, work func() (any, error)) uint32
	// Input is the text of an input, and what it is called.
	Input func(tag uint32, data abi.Place, length uint32) (text, what string)
	// Decode reads a text.
	Decode func(text, what string, into any) error
	// Compensates are the handlers that can undo what they did; nil without the package for it.
	Compensates []string
)

// Shape is what an export answers when there is no error.
type Shape uint8

const (
	// Outcome is the result of handle.
	Outcome Shape = iota
	// MaybeOutcome is the result of on-error.
	MaybeOutcome
	// Nothing is the result of compensate.
	Nothing
)
