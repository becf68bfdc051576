"""What a handler can ask about its attempt."""

import dataclasses
import functools
from typing import Any, Literal

from ._host import bound, interface
from ._json import read


@dataclasses.dataclass(frozen=True)
class Signal:
    """A message in a run's inbox."""

    id: int
    name: str
    payload: Any


@dataclasses.dataclass(frozen=True)
class EndedChild:
    """A child run that ended: with an output when it completed, with an error when it did not."""

    run_id: str
    key: str | None
    status: Literal["completed", "failed", "cancelled"]
    output: Any
    error: str | None


@dataclasses.dataclass(frozen=True)
class Failure:
    """Why an attempt did not complete. `kind` is `trap`, `handler_error.execution`, `timeout`, ..."""

    kind: str
    message: str
    details: Any = None


class Context:
    """The attempt a handler runs in. What it was given is read when it is first asked for; what may change is a method."""

    tenant: str
    run_id: str
    flow: str
    flow_version: int
    step: str
    handler: str
    index: int
    attempt: int
    max_attempts: int
    phase: str
    idempotency_key: str
    traceparent: str | None

    def __init__(self) -> None:
        bound()
        self._host = interface("context", "the attempt is asked about")
        self.__dict__.update(vars(self._host.task()))

    @property
    def is_last_attempt(self) -> bool:
        """True on the last try there will be."""
        return self.attempt >= self.max_attempts

    @functools.cached_property
    def flow_input(self) -> Any:
        """The input the run was started with; transferred when it is first read."""
        return read(self._host.flow_input())

    @functools.cached_property
    def state(self) -> Any:
        """What the phase before kept; `None` at the first phase. `stepcell.fit(context.state, T)` makes a `T` of it."""
        state = self._host.state()
        return None if state is None else read(state)

    @functools.cached_property
    def awaited(self) -> list[Signal]:
        """The signals this attempt was woken for; empty when the wait timed out. Progress takes exactly these out of the inbox."""
        return [Signal(signal.id, signal.name, read(signal.payload)) for signal in self._host.awaited()]

    @functools.cached_property
    def inbox(self) -> list[Signal]:
        """Every signal of the run that nobody consumed yet."""
        return [Signal(signal.id, signal.name, read(signal.payload)) for signal in self._host.inbox()]

    @functools.cached_property
    def children(self) -> list[EndedChild]:
        """The children this task spawned, in order, all of them ended."""
        return [
            EndedChild(
                child.run_id,
                child.key,
                child.status.name.lower(),
                None if child.output is None else read(child.output),
                child.error,
            )
            for child in self._host.children()
        ]

    def cancelled(self) -> bool:
        """True once the run was cancelled: a handler that looks can tidy up."""
        return bool(self._host.cancelled())

    def remaining_ms(self) -> int:
        """Milliseconds until the deadline of this attempt."""
        return int(self._host.remaining_ms())
