// Package host has the calls into the host. A component imports those it reaches, and no other.
package host

import (
	"unsafe"

	"stepcell/internal/abi"
)

// area is what a call answers into. It is a variable of the package because a stack may move while the host asks for memory.
var area [12]uint64

func answer() (abi.Place, unsafe.Pointer) {
	abi.Reuse()
	area = [12]uint64{}
	pointer := unsafe.Pointer(&area)
	return abi.Place(uintptr(pointer)), pointer
}

//go:wasmimport stepcell:handler/context@0.1.0 task
func task(into unsafe.Pointer)

//go:wasmimport stepcell:handler/context@0.1.0 flow-input
func flowInput(into unsafe.Pointer)

//go:wasmimport stepcell:handler/context@0.1.0 state
func state(into unsafe.Pointer)

//go:wasmimport stepcell:handler/context@0.1.0 awaited
func awaited(into unsafe.Pointer)

//go:wasmimport stepcell:handler/context@0.1.0 inbox
func inbox(into unsafe.Pointer)

//go:wasmimport stepcell:handler/context@0.1.0 children
func children(into unsafe.Pointer)

//go:wasmimport stepcell:handler/context@0.1.0 cancelled
func cancelled() uint32

//go:wasmimport stepcell:handler/context@0.1.0 remaining-ms
func remainingMs() uint64

//go:wasmimport stepcell:handler/log@0.1.0 write
func logWrite(level uint32, message string, some uint32, fields string)

//go:wasmimport stepcell:handler/fetch@0.1.0 send
func fetchSend(method, url string, headers unsafe.Pointer, headerCount, hasBody uint32, body string, hasTimeout uint32, timeoutMs uint64, into unsafe.Pointer)

//go:wasmimport stepcell:handler/key-value@0.1.0 get
func keyValueGet(key string, into unsafe.Pointer)

//go:wasmimport stepcell:handler/key-value@0.1.0 set
func keyValueSet(key, value string, into unsafe.Pointer)

//go:wasmimport stepcell:handler/key-value@0.1.0 compare-and-set
func keyValueCompareAndSet(key string, some uint32, expected, value string, into unsafe.Pointer)

//go:wasmimport stepcell:handler/key-value@0.1.0 delete
func keyValueDelete(key string, into unsafe.Pointer)

//go:wasmimport stepcell:handler/key-value@0.1.0 list-keys
func keyValueListKeys(prefix string, some uint32, after string, limit uint32, into unsafe.Pointer)

//go:wasmimport stepcell:handler/secrets@0.1.0 names
func secretsNames(into unsafe.Pointer)

//go:wasmimport stepcell:handler/secrets@0.1.0 placeholder
func secretsPlaceholder(name string, into unsafe.Pointer)

//go:wasmimport stepcell:handler/system@0.1.0 now-ms
func systemNowMs() uint64

//go:wasmimport stepcell:handler/system@0.1.0 random-bytes
func systemRandomBytes(length uint32, into unsafe.Pointer)

// Task is where the record `task` is.
func Task() abi.Place {
	place, into := answer()
	task(into)
	return place
}

// FlowInput is the input the run was started with.
func FlowInput() string {
	place, into := answer()
	flowInput(into)
	return place.Text(0)
}

// State is what the phase before kept.
func State() (string, bool) {
	place, into := answer()
	state(into)
	return place.MaybeText(0)
}

// Awaited is where the list of signals is.
func Awaited() (abi.Place, uint32) {
	place, into := answer()
	awaited(into)
	return place.List(0)
}

// Inbox is where the list of signals is.
func Inbox() (abi.Place, uint32) {
	place, into := answer()
	inbox(into)
	return place.List(0)
}

// Children is where the list of ended children is.
func Children() (abi.Place, uint32) {
	place, into := answer()
	children(into)
	return place.List(0)
}

// Cancelled is whether the run was.
func Cancelled() bool { return cancelled() != 0 }

// RemainingMs is the time until the deadline.
func RemainingMs() uint64 { return remainingMs() }

// Log writes one record; no fields: "".
func Log(level uint8, message, fields string) {
	logWrite(uint32(level), message, flag(fields != ""), fields)
}

// Send sends a request; the answer is a result.
func Send(method, url string, headers abi.Place, headerCount int, body []byte, timeoutMs uint64) abi.Place {
	place, into := answer()
	fetchSend(method, url, headers.Pointer(), uint32(headerCount), flag(body != nil), text(body), flag(timeoutMs != 0), timeoutMs, into)
	return place
}

// Get answers a result, as do the others on keys.
func Get(key string) abi.Place {
	place, into := answer()
	keyValueGet(key, into)
	return place
}

// Set sets a key.
func Set(key string, value []byte) abi.Place {
	place, into := answer()
	keyValueSet(key, text(value), into)
	return place
}

// CompareAndSet sets a key that has the expected value; nil: none.
func CompareAndSet(key string, expected, value []byte) abi.Place {
	place, into := answer()
	keyValueCompareAndSet(key, flag(expected != nil), text(expected), text(value), into)
	return place
}

// Delete deletes a key.
func Delete(key string) abi.Place {
	place, into := answer()
	keyValueDelete(key, into)
	return place
}

// ListKeys lists keys.
func ListKeys(prefix, after string, limit uint32) abi.Place {
	place, into := answer()
	keyValueListKeys(prefix, flag(after != ""), after, limit, into)
	return place
}

// SecretNames is where the list of names is.
func SecretNames() (abi.Place, uint32) {
	place, into := answer()
	secretsNames(into)
	return place.List(0)
}

// Placeholder answers a result.
func Placeholder(name string) abi.Place {
	place, into := answer()
	secretsPlaceholder(name, into)
	return place
}

// NowMs is the time.
func NowMs() uint64 { return systemNowMs() }

// RandomBytes are so many.
func RandomBytes(length uint32) []byte {
	place, into := answer()
	systemRandomBytes(length, into)
	return place.Bytes(0)
}

func flag(is bool) uint32 {
	if is {
		return 1
	}
	return 0
}

func text(bytes []byte) string { return unsafe.String(unsafe.SliceData(bytes), len(bytes)) }
