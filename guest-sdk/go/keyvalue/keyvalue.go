// Package keyvalue keeps values that outlive the run, for the tenant and the flow: grants = { key_value = true }.
//
// A write is durable on return, whatever comes of the attempt: what must fit the outcome belongs into the state of a durable
// handler. A key has at most 512 bytes, a value 256 KiB; an attempt makes at most 1,000 calls.
package keyvalue

import (
	"bytes"
	"encoding/json"
	"fmt"

	"stepcell"
	"stepcell/internal/abi"
	"stepcell/internal/host"
)

// Error is why a value was not kept or found. A handler that returns it fails as what it is.
type Error struct {
	Reason Reason
	Most   uint64 // of TooLarge, TooMany, Full
	why    string
}

// Reason is a case of [Error].
type Reason uint8

const (
	// Denied by the step's grants.
	Denied Reason = iota
	// Invalid key.
	Invalid
	// TooLarge a value.
	TooLarge
	// TooMany calls, or bytes moved, in the attempt.
	TooMany
	// Full are the tenant's values.
	Full
	// LostClaim says that another worker has the task now; nothing was written.
	LostClaim
	// Other faults are the host's.
	Other
)

// Error is the reason as a sentence.
func (e *Error) Error() string {
	switch e.Reason {
	case TooLarge:
		return fmt.Sprintf("a value has at most %d bytes", e.Most)
	case TooMany:
		return fmt.Sprintf("an attempt does no more than %d of it", e.Most)
	case Full:
		return fmt.Sprintf("the values of a tenant have at most %d bytes", e.Most)
	case LostClaim:
		return "another worker has the task now"
	default:
		return e.why
	}
}

// HandlerError is the handler's error it makes.
func (e *Error) HandlerError() *stepcell.Error {
	switch e.Reason {
	case Denied:
		return stepcell.Configuration("%s", e.Error())
	case Invalid:
		return stepcell.Validation("%s", e.Error())
	case TooLarge, TooMany:
		return stepcell.Execution("%s", e.Error()).Retry(false)
	default:
		return stepcell.Dependency("%s", e.Error())
	}
}

// What answers have behind their first byte.
const payload = 8

func refused(answer abi.Place) error {
	if answer.U8(0) == 0 {
		return nil
	}
	err := &Error{Reason: Reason(answer.U8(payload))}
	switch err.Reason {
	case TooLarge, TooMany, Full:
		err.Most = answer.U64(payload + 8)
	case Denied, Invalid, Other:
		err.why = answer.Text(payload + 8)
	}
	return err
}

// Get reads the value of a key, as JSON; false where it has none.
func Get(key string, into any) (bool, error) {
	value, err := GetBytes(key)
	if value == nil || err != nil {
		return false, err
	}
	decoder := json.NewDecoder(bytes.NewReader(value))
	decoder.UseNumber()
	if err := decoder.Decode(into); err != nil {
		return true, stepcell.Execution("the value of `%s` does not fit: %w", key, err)
	}
	return true, nil
}

// Set sets a key to a value, as JSON.
func Set(key string, value any) error {
	text, err := json.Marshal(value)
	if err != nil {
		return err
	}
	return SetBytes(key, text)
}

// GetBytes is the value of a key; nil where it has none.
func GetBytes(key string) ([]byte, error) {
	answer := host.Get(key)
	if err := refused(answer); err != nil || answer.U8(payload) == 0 {
		return nil, err
	}
	return answer.Bytes(payload + 4), nil
}

// SetBytes sets a key.
func SetBytes(key string, value []byte) error { return refused(host.Set(key, value)) }

// CompareAndSet sets a key whose value is the expected one; nil: one that has none. False: it has another one.
func CompareAndSet(key string, expected, value []byte) (bool, error) {
	return done(host.CompareAndSet(key, expected, value))
}

// Delete deletes a key. False: it was not there.
func Delete(key string) (bool, error) { return done(host.Delete(key)) }

func done(answer abi.Place) (bool, error) {
	if err := refused(answer); err != nil {
		return false, err
	}
	return answer.U8(payload) != 0, nil
}

// List are keys that begin with the prefix, in the order of their bytes: those after `after` (empty: all), at most `limit` and
// never more than 1,000.
func List(prefix, after string, limit int) ([]string, error) {
	answer := host.ListKeys(prefix, after, uint32(limit))
	if err := refused(answer); err != nil {
		return nil, err
	}
	list, count := answer.List(payload)
	keys := make([]string, count)
	for n := range keys {
		keys[n] = list.Text(uint32(8 * n))
	}
	return keys, nil
}
