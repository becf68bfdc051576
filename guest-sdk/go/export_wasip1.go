package stepcell

import (
	"unsafe"

	"stepcell/internal/abi"
	"stepcell/internal/hook"
)

func init() {
	hook.Run, hook.Input, hook.Decode = run, input, decode
}

//go:wasmexport handle
func handle(tag, data, length uint32) uint32 {
	return run(hook.Outcome, func() (any, error) {
		handler, err := find(Context{}.Task().Handler)
		if err != nil {
			return Outcome{}, err
		}
		return handler.run(input(tag, abi.Place(data), length))
	})
}

//go:wasmexport describe
func exportDescribe() uint32 {
	at := result()
	at.PutText(0, describe())
	return uint32(at)
}

// input is the text of an input; dependencies become the members of one object.
func input(tag uint32, data abi.Place, length uint32) (text, what string) {
	const (
		flow = iota
		deps
	)
	switch tag {
	case flow:
		return abi.TextAt(data, length), "flow's input"
	case deps:
		return join(data, length), "dependencies' output"
	default:
		return abi.TextAt(data, length), "element"
	}
}

func join(data abi.Place, length uint32) string {
	const size = 16
	object := []byte{'{'}
	for n := range length {
		at := data + abi.Place(size*n)
		if n > 0 {
			object = append(object, ',')
		}
		// A step's name needs no escape.
		object = append(append(append(object, '"'), at.Text(0)...), '"', ':')
		object = append(object, at.Text(8)...)
	}
	return string(append(object, '}'))
}

var results [16]uint64

func result() abi.Place {
	results = [16]uint64{}
	return abi.Place(uintptr(unsafe.Pointer(&results)))
}

// run runs a piece of work and writes its outcome, or why there is none.
func run(shape hook.Shape, work func() (any, error)) uint32 {
	abi.Begin()
	answered, err := guarded(work)
	outcome, _ := answered.(Outcome)
	at := result()
	const ok = 8
	switch {
	case err != nil:
	case outcome.wrong != nil:
		err = outcome.wrong
	case shape == hook.Nothing:
	case outcome.leave && shape == hook.MaybeOutcome:
	case outcome.lower == nil:
		err = Configuration("the handler returned a stepcell.Outcome that no function of package stepcell made for it")
	case shape == hook.MaybeOutcome:
		at.PutU8(ok, 1)
		outcome.lower(at + ok + 8)
	default:
		outcome.lower(at + ok)
	}
	if err != nil {
		at.PutU8(0, 1)
		lower(err, at+ok)
	}
	return uint32(at)
}
