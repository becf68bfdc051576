// Everything that the SDK reaches of the host, in Go: the same names and answers as the other folders beside this one.
package main

import (
	_ "embed"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"time"

	"stepcell"
	"stepcell/compensate"
	"stepcell/onerror"
)

//go:embed flow.json
var manifest string

func init() {
	stepcell.Flow(manifest)
	stepcell.Handle("fetches", fetches)
	stepcell.Handle("reveals", reveals)
	stepcell.Handle("keeps", keeps)
	stepcell.Handle("exceeds", exceeds)
	stepcell.Handle("spawns", spawns)
	stepcell.Handle("skips", skips)
	stepcell.Handle("nexts", nexts)
	stepcell.Handle("retries", retries)
	stepcell.Handle("gives_up", givesUp)
	stepcell.Handle("breaks", breaks)
	stepcell.Handle("books", books)
	onerror.Handle(mends)
	compensate.Handle("books", givesBack)
}

func main() {}

type ended struct {
	Key    string `json:"key"`
	Status string `json:"status"`
	Output any    `json:"output"`
}

func spawns(ctx stepcell.Context, _ any) (stepcell.Outcome, error) {
	if ctx.Phase() == "" {
		children := []stepcell.Child{{Flow: "child", Input: 1, Key: "a"}, {Flow: "child", Input: 2, Key: "b"}}
		return stepcell.Spawn(children, "joined", map[string]int{"n": 2}), nil
	}
	var all []ended
	for _, child := range ctx.Children() {
		one := ended{Key: child.Key, Status: "failed"}
		if child.Cancelled {
			one.Status = "cancelled"
		}
		if child.Completed {
			one.Status = "completed"
			if err := child.Output(&one.Output); err != nil {
				return stepcell.Outcome{}, err
			}
		}
		all = append(all, one)
	}
	slices.SortFunc(all, func(one, other ended) int { return strings.Compare(one.Key, other.Key) })
	return stepcell.Complete(all), nil
}

func skips(stepcell.Context, any) (stepcell.Outcome, error) {
	return stepcell.Skip("nothing to do"), nil
}

func nexts(ctx stepcell.Context, _ any) (stepcell.Outcome, error) {
	state := 0
	if _, err := ctx.State(&state); err != nil {
		return stepcell.Outcome{}, err
	}
	switch ctx.Phase() {
	case "":
		return stepcell.Next("two", 1), nil
	case "two":
		return stepcell.Next("three", state+1), nil
	default:
		return stepcell.Complete(state + 1), nil
	}
}

func retries(ctx stepcell.Context, _ any) (stepcell.Outcome, error) {
	if ctx.Attempt() == 1 {
		return stepcell.Retry().After(10 * time.Millisecond).State(map[string]int{"tries": 1}), nil
	}
	var state any
	_, err := ctx.State(&state)
	return stepcell.Complete(map[string]any{"attempt": ctx.Attempt(), "state": state}), err
}

func givesUp(stepcell.Context, any) (stepcell.Outcome, error) {
	return stepcell.Fail(stepcell.Validation("it gives up").Details(map[string]string{"why": "no"})), nil
}

func breaks(stepcell.Context, any) (any, error) { return nil, errors.New("broken") }

// mends decides for all handlers: the failures of the others stay as they are.
func mends(ctx stepcell.Context, failure onerror.Failure) (stepcell.Outcome, error) {
	if ctx.Task().Handler != "breaks" {
		return stepcell.Leave(), nil
	}
	return stepcell.Complete("mended: " + failure.Kind + ": " + failure.Message), nil
}

type seat struct {
	Seat string `json:"seat"`
}

func books(_ stepcell.Context, in seat) (seat, error) { return in, nil }

func givesBack(_ stepcell.Context, _ any, out seat) error {
	slog.Info("gave back " + out.Seat)
	return nil
}
