package onerror

import (
	"stepcell/internal/abi"
	"stepcell/internal/hook"
)

//go:wasmexport on-error
func onError(_, _, _, kind, kindLength, message, messageLength, some, details, detailsLength uint32) uint32 {
	failure := Failure{Kind: abi.TextAt(abi.Place(kind), kindLength), Message: abi.TextAt(abi.Place(message), messageLength)}
	if some != 0 {
		failure.details = abi.TextAt(abi.Place(details), detailsLength)
	}
	return hook.Run(hook.MaybeOutcome, func() (any, error) { return run(failure) })
}
