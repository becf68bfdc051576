//go:build !wasip1

// Package host has the calls into the host, which only a component can make.
package host

import (
	"fmt"
	"os"

	"stepcell/internal/abi"
)

const outside = "stepcell: only a component can call its host"

// Task is where the record `task` is.
func Task() abi.Place { panic(outside) }

// FlowInput is the input the run was started with.
func FlowInput() string { panic(outside) }

// State is what the phase before kept.
func State() (string, bool) { panic(outside) }

// Awaited is where the list of signals is.
func Awaited() (abi.Place, uint32) { panic(outside) }

// Inbox is where the list of signals is.
func Inbox() (abi.Place, uint32) { panic(outside) }

// Children is where the list of ended children is.
func Children() (abi.Place, uint32) { panic(outside) }

// Cancelled is whether the run was.
func Cancelled() bool { panic(outside) }

// RemainingMs is the time until the deadline.
func RemainingMs() uint64 { panic(outside) }

// Log writes one record to standard error.
func Log(level uint8, message, fields string) {
	fmt.Fprintln(os.Stderr, [...]string{"TRACE", "DEBUG", "INFO", "WARN", "ERROR"}[level], message, fields)
}

// Send sends a request; the answer is a result.
func Send(method, url string, headers abi.Place, headerCount int, body []byte, timeoutMs uint64) abi.Place {
	panic(outside)
}

// Get answers a result, as do the others on keys.
func Get(key string) abi.Place { panic(outside) }

// Set sets a key.
func Set(key string, value []byte) abi.Place { panic(outside) }

// CompareAndSet sets a key that has the expected value; nil: none.
func CompareAndSet(key string, expected, value []byte) abi.Place { panic(outside) }

// Delete deletes a key.
func Delete(key string) abi.Place { panic(outside) }

// ListKeys lists keys.
func ListKeys(prefix, after string, limit uint32) abi.Place { panic(outside) }

// SecretNames is where the list of names is.
func SecretNames() (abi.Place, uint32) { panic(outside) }

// Placeholder answers a result.
func Placeholder(name string) abi.Place { panic(outside) }

// NowMs is the time.
func NowMs() uint64 { panic(outside) }

// RandomBytes are so many.
func RandomBytes(length uint32) []byte { panic(outside) }
