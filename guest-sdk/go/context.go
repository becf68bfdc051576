package stepcell

import (
	"context"
	"time"

	"stepcell/internal/abi"
	"stepcell/internal/host"
)

// Context is the attempt a handler runs in. It is a [context.Context] that has the attempt's deadline; it is not done before
// the host ends the attempt, and its Err is [context.Canceled] once the run was cancelled.
type Context struct{}

var _ context.Context = Context{}

// Task is who is calling.
type Task struct {
	Tenant         string
	RunID          string
	Flow           string
	FlowVersion    uint32
	Step           string
	Handler        string
	Index          uint32 // of a map task; 0 for any other
	Attempt        uint32 // 1-based
	MaxAttempts    uint32
	Phase          string // empty at first
	IdempotencyKey string // the same for every attempt of this task and phase
	Traceparent    string // empty: none
}

var task *Task

// Task is who is calling: tenant, run, flow and version, step, index, attempt, idempotency key.
func (Context) Task() Task {
	if task == nil {
		at := host.Task()
		traceparent, _ := at.MaybeText(72)
		task = &Task{
			Tenant: at.Text(0), RunID: at.Text(8), Flow: at.Text(16), FlowVersion: at.U32(24), Step: at.Text(28),
			Handler: at.Text(36), Index: at.U32(44), Attempt: at.U32(48), MaxAttempts: at.U32(52), Phase: at.Text(56),
			IdempotencyKey: at.Text(64), Traceparent: traceparent,
		}
	}
	return *task
}

// Attempt is the 1-based number of this try.
func (c Context) Attempt() int { return int(c.Task().Attempt) }

// IsLastAttempt is true on the last try there will be.
func (c Context) IsLastAttempt() bool { return c.Task().Attempt >= c.Task().MaxAttempts }

// FlowInput reads the input the run was started with; it is transferred with this call.
func (Context) FlowInput(into any) error { return decode(host.FlowInput(), "flow's input", into) }

// Phase is where the task goes on: what the outcome before named; empty at first.
func (c Context) Phase() string { return c.Task().Phase }

// State reads what the phase before kept; false at the first phase.
func (Context) State(into any) (bool, error) {
	text, some := host.State()
	if !some {
		return false, nil
	}
	return true, decode(text, "state of the phase before", into)
}

// Remaining is the time until the deadline of this attempt.
func (Context) Remaining() time.Duration { return time.Duration(host.RemainingMs()) * time.Millisecond }

// Cancelled is true once the run was cancelled: a handler that looks can tidy up.
func (Context) Cancelled() bool { return host.Cancelled() }

// Deadline is that of the attempt.
func (c Context) Deadline() (time.Time, bool) { return time.Now().Add(c.Remaining()), true }

// Done is never closed: ask [Context.Cancelled].
func (Context) Done() <-chan struct{} { return nil }

// Err is [context.Canceled] once the run was cancelled.
func (c Context) Err() error {
	if c.Cancelled() {
		return context.Canceled
	}
	return nil
}

// Value has none.
func (Context) Value(any) any { return nil }

// Signal is a message in a run's inbox.
type Signal struct {
	ID      uint64 // its place in the inbox
	Name    string
	payload string
}

// Payload reads what was sent.
func (s Signal) Payload(into any) error {
	return decode(s.payload, "payload of signal `"+s.Name+"`", into)
}

// Awaited are the signals this attempt was woken for; none when the wait timed out. Progress takes exactly these out of the inbox.
func (Context) Awaited() []Signal { return signals(host.Awaited()) }

// Inbox is every signal of the run that nobody consumed yet.
func (Context) Inbox() []Signal { return signals(host.Inbox()) }

func signals(list abi.Place, count uint32) []Signal {
	const size = 24
	signals := make([]Signal, count)
	for n := range signals {
		at := list + abi.Place(size*n)
		signals[n] = Signal{ID: at.U64(0), Name: at.Text(8), payload: at.Text(16)}
	}
	return signals
}

// EndedChild is a child run that ended.
type EndedChild struct {
	RunID     string
	Key       string // it was spawned with; empty: none
	Completed bool   // else it failed or was cancelled
	Cancelled bool
	Error     string // what it failed with
	output    string
}

// Output reads its output; an error where it did not complete.
func (c EndedChild) Output(into any) error {
	if !c.Completed {
		reason := c.Error
		if reason == "" {
			reason = "it was cancelled"
		}
		return Execution("child run %s has no output: %s", c.RunID, reason)
	}
	return decode(c.output, "output of child run "+c.RunID, into)
}

// Children are those this task spawned, in order, all of them ended.
func (Context) Children() []EndedChild {
	const (
		size      = 48
		completed = 0
		cancelled = 2
	)
	list, count := host.Children()
	children := make([]EndedChild, count)
	for n := range children {
		at := list + abi.Place(size*n)
		key, _ := at.MaybeText(8)
		output, _ := at.MaybeText(24)
		reason, _ := at.MaybeText(36)
		status := at.U8(20)
		children[n] = EndedChild{
			RunID: at.Text(0), Key: key, Completed: status == completed, Cancelled: status == cancelled, Error: reason, output: output,
		}
	}
	return children
}
