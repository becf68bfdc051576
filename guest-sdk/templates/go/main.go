// Scores an order: what it costs, and whether a person has to look at it.
package main

import (
	"log/slog"

	"stepcell"
)

type order struct {
	Customer string `json:"customer"`
	Express  bool   `json:"express"`
	Items    []item `json:"items"`
}

type item struct {
	Count int64 `json:"count"`
	Cents int64 `json:"cents"`
}

type scored struct {
	Customer string `json:"customer"`
	Cents    int64  `json:"cents"`
	Review   bool   `json:"review"`
}

func score(_ stepcell.Context, in order) (scored, error) {
	const most = 1_000_000
	var cents int64
	for n, item := range in.Items {
		if item.Count < 1 || item.Count > most || item.Cents < 0 || item.Cents > most {
			return scored{}, stepcell.Validation("`items[%d]` has a count or price that cannot be", n)
		}
		cents += item.Count * item.Cents
	}
	slog.Info("scored the order", "customer", in.Customer, "items", len(in.Items))
	return scored{in.Customer, cents, in.Express || cents > 100_000}, nil
}

func init() { stepcell.Handle("score", score) }

// A component has no main: its handlers are called.
func main() {}
