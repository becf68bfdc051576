package fetch

import (
	"fmt"
	"time"

	"stepcell"
	"stepcell/internal/abi"
)

// Error is why nothing came back. A handler that returns it fails as what it is: of the dependency where another try may help.
type Error struct {
	Reason Reason
	Most   uint64        // of TooLarge, TooMany
	Wait   time.Duration // of DependencyUnavailable
	why    string
}

// Reason is a case of [Error].
type Reason uint8

const (
	// Invalid as it is.
	Invalid Reason = iota
	// Denied by the step's grants or the operator of the host.
	Denied
	// RefusedAddress says that the host's name or address is not public.
	RefusedAddress
	// DNS has no address for the name.
	DNS
	// Connect says that nobody took the connection.
	Connect
	// TLS says that no secure connection could be made.
	TLS
	// Timeout says that its time was over.
	Timeout
	// TooLarge a body.
	TooLarge
	// TooMany requests in the attempt.
	TooMany
	// DependencyUnavailable holds requests back after failures in a row.
	DependencyUnavailable
	// LostClaim says that another worker has the task now.
	LostClaim
	// Other is an answer that broke off, or the host's fault.
	Other
)

func refused(at abi.Place) *Error {
	const payload = 8
	err := &Error{Reason: Reason(at.U8(0))}
	switch err.Reason {
	case Timeout, LostClaim:
	case TooLarge:
		err.Most = at.U64(payload)
	case TooMany:
		err.Most = uint64(at.U32(payload))
	case DependencyUnavailable:
		err.Wait = time.Duration(at.U64(payload)) * time.Millisecond
	default:
		err.why = at.Text(payload)
	}
	return err
}

// Error is the reason as a sentence.
func (e *Error) Error() string {
	switch e.Reason {
	case Timeout:
		return "the request took too long"
	case TooLarge:
		return fmt.Sprintf("a body has more than %d bytes", e.Most)
	case TooMany:
		return fmt.Sprintf("an attempt sends at most %d requests", e.Most)
	case DependencyUnavailable:
		return fmt.Sprintf("requests are held back after failures in a row; the next one in %d ms", e.Wait.Milliseconds())
	case LostClaim:
		return "another worker has the task now"
	default:
		return e.why
	}
}

// HandlerError is the handler's error it makes.
func (e *Error) HandlerError() *stepcell.Error {
	switch e.Reason {
	case Invalid:
		return stepcell.Validation("%s", e.Error())
	case Denied, RefusedAddress:
		return stepcell.Configuration("%s", e.Error())
	case TooLarge, TooMany:
		return stepcell.Execution("%s", e.Error()).Retry(false)
	case DependencyUnavailable:
		return stepcell.Dependency("%s", e.Error()).RetryAfter(e.Wait)
	default:
		return stepcell.Dependency("%s", e.Error())
	}
}
