//go:build !nosystem

package main

import (
	"encoding/hex"

	"stepcell"
	"stepcell/system"
)

func init() { stepcell.Handle("clock", clock) }

func clock(stepcell.Context, any) (any, error) {
	var random [8]byte
	system.Random(random[:])
	return map[string]any{"now": system.Now().UnixMilli(), "random": hex.EncodeToString(random[:])}, nil
}
