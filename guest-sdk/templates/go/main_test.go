package main

import (
	"testing"

	"stepcell"
)

func TestAnExpressOrderIsReviewed(t *testing.T) {
	answer, err := score(stepcell.Context{}, order{Customer: "ann", Express: true})
	if err != nil || !answer.Review {
		t.Fatal(answer, err)
	}
}
