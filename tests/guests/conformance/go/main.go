// What every SDK must do alike, in Go.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"time"

	"stepcell"
)

func init() {
	stepcell.Handle("echo", func(_ stepcell.Context, in any) (any, error) { return in, nil })
	stepcell.Handle("fails", fails)
	stepcell.Handle("invalid", invalid)
	stepcell.Handle("hint", hint)
	stepcell.Handle("logs", logs)
	stepcell.Handle("spins", spins)
	stepcell.Handle("wrong", wrong)
	stepcell.Handle("phases", phases)
	stepcell.Handle("waits", waits)
	stepcell.Handle("sums", sums)
	stepcell.Handle("context", tells)
}

func main() {}

func fails(_ stepcell.Context, in struct{ Message string }) (any, error) {
	return nil, errors.New(in.Message)
}

func invalid(stepcell.Context, any) (any, error) {
	return nil, stepcell.Validation("`x` is not valid").Details(map[string]string{"field": "x"})
}

func hint(stepcell.Context, any) (any, error) {
	return nil, stepcell.Dependency("not there yet").RetryAfter(1234 * time.Millisecond)
}

func logs(ctx stepcell.Context, _ any) (any, error) {
	slog.Log(context.Background(), stepcell.LevelTrace, "a trace line")
	slog.Debug("a debug line")
	slog.Info("an info line")
	slog.Warn("a warn line")
	slog.Error("an error line")
	fmt.Println("a printed line")
	return nil, nil
}

func spins(stepcell.Context, any) (any, error) {
	for {
	}
}

func wrong(_ stepcell.Context, in struct{ What string }) (any, error) {
	switch in.What {
	case "undefined":
		return func() {}, nil
	case "nan":
		return math.NaN(), nil
	case "bytes":
		return json.RawMessage("\xff\xfe"), nil
	default:
		circle := map[string]any{}
		circle["again"] = circle
		return circle, nil
	}
}

func phases(ctx stepcell.Context, _ any) (stepcell.Outcome, error) {
	var state struct {
		N int `json:"n"`
	}
	if ctx.Phase() == "second" {
		_, err := ctx.State(&state)
		return stepcell.Complete(state.N + 1), err
	}
	state.N = 1
	return stepcell.Sleep(5*time.Millisecond, "second", state), nil
}

func waits(ctx stepcell.Context, _ any) (stepcell.Outcome, error) {
	if ctx.Phase() == "" {
		return stepcell.AwaitSignals([]string{"go"}, "gone", nil), nil
	}
	for _, signal := range ctx.Awaited() {
		var payload any
		err := signal.Payload(&payload)
		return stepcell.Complete(payload), err
	}
	return stepcell.Skip("nobody said go"), nil
}

func sums(_ stepcell.Context, deps map[string]float64) (float64, error) {
	sum := 0.0
	for _, number := range deps {
		sum += number
	}
	return sum, nil
}

func tells(ctx stepcell.Context, _ any) (any, error) {
	task := ctx.Task()
	return map[string]any{"step": task.Step, "attempt": task.Attempt, "idempotency_key": task.IdempotencyKey}, nil
}
