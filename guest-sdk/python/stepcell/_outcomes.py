"""What an attempt of a durable handler ends in."""

import dataclasses
import math
from types import EllipsisType
from typing import Any, Iterable, Literal

from ._errors import ConfigurationError, ExecutionError
from ._json import Writable, write

MOST_MS = 2**63 - 1


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What follows from an attempt: made by the functions here, answered by the handler."""

    name: Literal["Complete", "Next", "Retry", "Sleep", "AwaitSignals", "Spawn", "Skip", "Fail"]
    value: Any


@dataclasses.dataclass(frozen=True)
class Child:
    """A child run to start: of this flow's active version. The same key twice is one child."""

    flow: str
    input: Writable = None
    key: str | None = None


def complete(output: Writable) -> Outcome:
    """The task is done, with this output: the same as answering the output itself."""
    return Outcome("Complete", write(output, "the output"))


def next(phase: str, state: Writable = None) -> Outcome:
    """Commits the state and goes on at the phase at once, in a fresh instance. Attempts are counted anew there."""
    return Outcome("Next", {"phase": word(phase, "the phase"), "state": _state(state)})


def retry(*, state: Writable | EllipsisType = ..., after_ms: float | None = None) -> Outcome:
    """Tries the same phase again; it counts as an attempt. What was awaited stays in the inbox."""
    return Outcome("Retry", {"state": None if isinstance(state, EllipsisType) else _state(state), "after_ms": whole_ms(after_ms)})


def sleep(for_ms: float, phase: str, state: Writable = None) -> Outcome:
    """Waits, holding nothing, then goes on at the phase. A year is the most."""
    return Outcome("Sleep", {"phase": word(phase, "the phase"), "state": _state(state), "for_ms": whole_ms(for_ms)})


def await_signals(
    names: str | Iterable[str], phase: str, state: Writable = None, *, timeout_ms: float | None = None
) -> Outcome:
    """Waits, holding nothing, until any of these signals (32 at most) is in the run's inbox, then goes on at the phase."""
    waited = [word(name, "a signal's name") for name in ([names] if isinstance(names, str) else names)]
    at = word(phase, "the phase")
    return Outcome("AwaitSignals", {"names": waited, "phase": at, "state": _state(state), "timeout_ms": whole_ms(timeout_ms)})


def spawn(children: Iterable[Child], phase: str, state: Writable = None) -> Outcome:
    """Starts child runs (10,000 at most) and waits, holding nothing, until all of them ended; then goes on at the phase."""
    starts = [
        {
            "flow": word(child.flow, "a child's flow"),
            "input": write(child.input, "a child's input"),
            "key": None if child.key is None else word(child.key, "a child's key"),
        }
        for child in children
    ]
    return Outcome("Spawn", {"children": starts, "phase": word(phase, "the phase"), "state": _state(state)})


def skip(reason: str) -> Outcome:
    """The step is skipped, for this reason; what depends on it goes on without its output."""
    return Outcome("Skip", clean(str(reason)))


def fail(error: BaseException | str) -> Outcome:
    """The task failed for good, whatever attempts are left."""
    return Outcome("Fail", ExecutionError(error) if isinstance(error, str) else error)


def word(value: Any, what: str) -> str:
    """A name that crosses the line; a configuration error where it is no text."""
    if not isinstance(value, str):
        raise ConfigurationError(f"{what} is a {type(value).__name__}, not text")
    return clean(value)


def clean(text: str) -> str:
    """A text without halves of surrogate pairs, which cannot cross the line."""
    return text.encode("utf-8", "replace").decode()


def whole_ms(ms: float | None) -> int | None:
    """A time to wait as whole milliseconds from 0 up."""
    return None if ms is None else min(max(0, math.ceil(ms)), MOST_MS)


def _state(state: Writable) -> str:
    return write(state, "the state")
