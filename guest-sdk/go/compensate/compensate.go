// Package compensate lets a component undo what tasks of its handlers did, once the run failed for good or was cancelled.
package compensate

import (
	"stepcell"
	"stepcell/internal/hook"
)

type undo func(input, what, output string) error

var undos = map[string]undo{}

// Handle has a function undo what a task of the handler of this name did, given the task's input and output; an error is
// tried again like a step's. Call it in a func init. A handler without one has nothing to undo.
func Handle[In, Out any](name string, handler func(ctx stepcell.Context, in In, out Out) error) {
	if _, twice := undos[name]; twice {
		panic("stepcell: two compensations are for " + name)
	}
	hook.Compensates = append(hook.Compensates, name)
	undos[name] = func(input, what, output string) error {
		var in In
		if err := hook.Decode(input, what, &in); err != nil {
			return err
		}
		var out Out
		if err := hook.Decode(output, "task's output", &out); err != nil {
			return err
		}
		return handler(stepcell.Context{}, in, out)
	}
}

func find(name string) undo {
	if name == "" && len(hook.Compensates) == 1 {
		name = hook.Compensates[0]
	}
	return undos[name]
}
