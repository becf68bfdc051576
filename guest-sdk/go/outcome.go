package stepcell

import (
	"time"

	"stepcell/internal/abi"
)

// Outcome is what follows from an attempt of a durable handler: a handler that returns one. Nothing survives the attempt but
// the state given here; the next phase reads it with [Context.State]. What cannot be written as JSON makes the attempt fail;
// it is not tried again.
type Outcome struct {
	lower func(into abi.Place)
	wrong error
	after func(time.Duration) Outcome
	state func(any) Outcome
	limit func(time.Duration) Outcome
	leave bool
}

// Child is a child run to start: see [Spawn].
type Child struct {
	// Flow is the flow whose active version is run.
	Flow string
	// Input is its input.
	Input any
	// Key names it among the children of its task: the same key twice is one child. Up to 255 bytes; empty: none.
	Key string
}

const (
	tagComplete = iota
	tagNext
	tagRetry
	tagSleep
	tagAwaitSignals
	tagSpawn
	tagSkip
	tagFail
)

// Where the cases of an outcome have their payload.
const payload = 8

func outcome(tag uint8, lower func(into abi.Place)) Outcome {
	return Outcome{lower: func(into abi.Place) {
		into.PutU8(0, tag)
		lower(into + payload)
	}}
}

// keeping is an outcome with a value that must be JSON.
func keeping(tag uint8, what string, value any, lower func(text string, into abi.Place)) Outcome {
	text, err := encode(value)
	if err != nil {
		return Outcome{wrong: Configuration("the %s cannot be written as JSON: %w", what, err)}
	}
	return outcome(tag, func(into abi.Place) { lower(text, into) })
}

// Complete says that the task is done, with this output.
func Complete(output any) Outcome {
	return keeping(tagComplete, "output", output, func(text string, into abi.Place) { into.PutText(0, text) })
}

// Next commits the state and goes on at the phase at once, in a fresh instance. Attempts are counted anew there.
func Next(phase string, state any) Outcome {
	return keeping(tagNext, "state", state, func(text string, into abi.Place) {
		into.PutText(0, phase)
		into.PutText(8, text)
	})
}

// Retry tries the same phase again; it counts as an attempt. What was awaited stays in the inbox.
func Retry() Outcome { return retry(nil, nil) }

func retry(after *time.Duration, state *string) Outcome {
	again := outcome(tagRetry, func(into abi.Place) {
		into.PutMaybeText(0, state)
		into.PutMaybeU64(16, milliseconds(after))
	})
	again.after = func(wait time.Duration) Outcome { return retry(&wait, state) }
	again.state = func(value any) Outcome {
		text, err := encode(value)
		if err != nil {
			return Outcome{wrong: Configuration("the state cannot be written as JSON: %w", err)}
		}
		return retry(after, &text)
	}
	return again
}

// After says when to try again, in place of the step's backoff. Only [Retry] has it.
func (o Outcome) After(wait time.Duration) Outcome {
	if o.after == nil {
		return o
	}
	return o.after(wait)
}

// State says what to keep in place of the state. Only [Retry] has it; the others are given theirs.
func (o Outcome) State(state any) Outcome {
	if o.state == nil {
		return o
	}
	return o.state(state)
}

// Sleep waits, holding nothing, then goes on at the phase. A year is the most.
func Sleep(wait time.Duration, phase string, state any) Outcome {
	return keeping(tagSleep, "state", state, func(text string, into abi.Place) {
		into.PutText(0, phase)
		into.PutText(8, text)
		into.PutU64(16, *milliseconds(&wait))
	})
}

// AwaitSignals waits, holding nothing, until any of these signals is in the run's inbox, then goes on at the phase, which
// reads them with [Context.Awaited]. 32 names are the most.
func AwaitSignals(names []string, phase string, state any) Outcome {
	return await(names, phase, state, nil)
}

func await(names []string, phase string, state any, timeout *time.Duration) Outcome {
	awaits := keeping(tagAwaitSignals, "state", state, func(text string, into abi.Place) {
		list := abi.New(8 * len(names))
		for at, name := range names {
			list.PutText(uint32(8*at), name)
		}
		into.PutList(0, list, len(names))
		into.PutText(8, phase)
		into.PutText(16, text)
		into.PutMaybeU64(24, milliseconds(timeout))
	})
	awaits.limit = func(wait time.Duration) Outcome { return await(names, phase, state, &wait) }
	return awaits
}

// Timeout says when to go on without a signal: the phase then finds none awaited. Only [AwaitSignals] has it.
func (o Outcome) Timeout(wait time.Duration) Outcome {
	if o.limit == nil {
		return o
	}
	return o.limit(wait)
}

// Spawn starts child runs and waits, holding nothing, until all of them ended, well or not; then goes on at the phase, which
// reads them with [Context.Children]. 10,000 are the most.
func Spawn(children []Child, phase string, state any) Outcome {
	const size = 28
	inputs := make([]string, len(children))
	for at, child := range children {
		text, err := encode(child.Input)
		if err != nil {
			return Outcome{wrong: Configuration("the input of child %d cannot be written as JSON: %w", at, err)}
		}
		inputs[at] = text
	}
	return keeping(tagSpawn, "state", state, func(text string, into abi.Place) {
		list := abi.New(size * len(children))
		for at, child := range children {
			start := list + abi.Place(size*at)
			start.PutText(0, child.Flow)
			start.PutText(8, inputs[at])
			if child.Key != "" {
				start.PutMaybeText(16, &child.Key)
			}
		}
		into.PutList(0, list, len(children))
		into.PutText(8, phase)
		into.PutText(16, text)
	})
}

// Skip says that the step is skipped, for this reason; what depends on it goes on without its output.
func Skip(reason string) Outcome {
	return outcome(tagSkip, func(into abi.Place) { into.PutText(0, reason) })
}

// Fail says that the task failed for good, whatever attempts are left.
func Fail(err error) Outcome {
	return outcome(tagFail, func(into abi.Place) { lower(err, into) })
}

// Leave leaves a failure as it is: an answer of package onerror only.
func Leave() Outcome { return Outcome{leave: true} }
