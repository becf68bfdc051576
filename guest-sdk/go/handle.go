// Package stepcell is for writing Stepcell handlers in Go: a function from one type to another, and a line that names it.
//
//	type Greeting struct {
//		Name string `json:"name"`
//	}
//
//	func hello(ctx stepcell.Context, in Greeting) (string, error) {
//		if in.Name == "" {
//			return "", stepcell.Validation("`name` is empty")
//		}
//		return "hello " + in.Name, nil
//	}
//
//	func init() { stepcell.Handle("hello", hello) }
//
//	func main() {}
//
// # What a handler is given
//
// A root step is given the flow's input, a map step one element, a step with `needs` an object with one member for each step
// it needs: a struct or a map. The member of a skipped step is absent. Numbers in an `any` are [encoding/json.Number], exact.
//
// # How it ends
//
// What a handler returns is the step's output, any value that encoding/json can write. An [Error] says what kind it is and
// whether another try makes sense; any other error is a failed execution, and so is a panic, with its stack in the details. A
// handler that returns an [Outcome] is durable: it may go on at another phase, sleep, wait for signals or for child runs.
//
// Each attempt is a fresh instance: variables, caches and files do not survive it.
//
// # A flow
//
// A component may carry a flow, which is registered with its upload, so that there is nothing else to deploy: see [Flow].
//
// # Logs
//
// [log/slog] writes to the attempt's log with its attributes; package log is its level info, and so is what fmt.Print prints.
//
// # Beyond computing
//
// Packages fetch, keyvalue and secrets must be granted to the step; a component asks for what it calls. Packages onerror
// and compensate add exports.
package stepcell

import (
	"bytes"
	"encoding/json"
	"fmt"
	"runtime/debug"
	"strings"

	"stepcell/internal/hook"
)

type entry struct {
	name string
	run  func(text, what string) (Outcome, error)
}

var entries []entry

// Handle names a handler of the component. Call it in a func init.
//
// A component with one handler can be used without naming it. A name starts with a letter or `_`, goes on with letters,
// digits, `_` or `-`, and has at most 128; another one, or the same twice, panics.
func Handle[In, Out any](name string, handler func(Context, In) (Out, error)) {
	if !isName(name) {
		panic(fmt.Sprintf("stepcell: a handler cannot be named %q", name))
	}
	for _, known := range entries {
		if known.name == name {
			panic(fmt.Sprintf("stepcell: two handlers are named %q", name))
		}
	}
	entries = append(entries, entry{name, func(text, what string) (Outcome, error) {
		var in In
		if err := decode(text, what, &in); err != nil {
			return Outcome{}, err
		}
		out, err := handler(Context{}, in)
		if err != nil {
			return Outcome{}, err
		}
		if outcome, ok := any(out).(Outcome); ok {
			return outcome, nil
		}
		return Complete(out), nil
	}})
}

func isName(name string) bool {
	for at, c := range []byte(name) {
		letter := c == '_' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
		if !letter && (at == 0 || !(c == '-' || '0' <= c && c <= '9')) {
			return false
		}
	}
	return name != "" && len(name) <= 128
}

// find is the handler of this name; the only one where no name is given.
func find(name string) (entry, error) {
	if len(entries) == 1 && name == "" {
		return entries[0], nil
	}
	names := make([]string, len(entries))
	for at, known := range entries {
		if known.name == name {
			return known, nil
		}
		names[at] = "`" + known.name + "`"
	}
	list := strings.Join(names, ", ")
	switch {
	case list == "":
		return entry{}, Configuration("the component carries no handlers; call stepcell.Handle in a func init")
	case name == "":
		return entry{}, Configuration("the component carries several handlers (%s), and the step names none; add `handler = ...`", list)
	default:
		return entry{}, Configuration("the component has no handler `%s`, only %s; change the step's `handler`", name, list)
	}
}

// describe is what the component says of itself at upload.
func describe() string {
	names := make([]string, len(entries))
	for at, known := range entries {
		names[at] = known.name
	}
	said := struct {
		Handlers    []string `json:"handlers"`
		Compensates []string `json:"compensates,omitempty"`
		Limits      limits   `json:"limits"`
		Flow        any      `json:"flow,omitempty"`
	}{names, hook.Compensates, needs, carried()}
	text, err := encode(said)
	if err != nil {
		panic(err)
	}
	return text
}

const maxStackBytes = 4096

// guarded runs a piece of work; a panic is an error.
func guarded(work func() (any, error)) (outcome any, err error) {
	defer func() {
		if panicked := recover(); panicked != nil {
			stack := debug.Stack()
			// What comes before the panic itself is this function.
			if _, from, ok := bytes.Cut(stack, []byte("\npanic(")); ok {
				stack = from[bytes.IndexByte(from, '\n')+1:]
				stack = stack[bytes.IndexByte(stack, '\n')+1:]
			}
			text := strings.ToValidUTF8(string(stack[:min(len(stack), maxStackBytes)]), "")
			err = Execution("panic: %v", panicked).Details(map[string]string{"stack": text})
		}
	}()
	return work()
}

func decode(text, what string, into any) error {
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	if err := decoder.Decode(into); err != nil {
		return Validation("the %s does not fit the handler: %w", what, err)
	}
	return nil
}

func encode(value any) (string, error) {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return "", err
	}
	return strings.TrimSuffix(text.String(), "\n"), nil
}
