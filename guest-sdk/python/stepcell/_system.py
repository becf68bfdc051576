"""The time and chance of the host, in place of the interpreter's: its clocks trap and its chance is frozen into the component."""

import importlib
import os
import random
import sys
import time
from typing import Any, Callable

from ._host import interface

MOST_BYTES = 4096


def now_ms() -> int:
    """Milliseconds since 1970."""
    return int(interface("system", "the time is asked for").now_ms())


def random_bytes(size: int) -> bytes:
    """So many bytes of the host's chance."""
    system = interface("system", "chance is asked for")
    parts = (system.random_bytes(min(MOST_BYTES, size - at)) for at in range(0, size, MOST_BYTES))
    return b"".join(bytes(part) for part in parts)


def reseed() -> None:
    """Gives `random` a new seed: called at the beginning of an attempt."""
    # A number: for bytes, `random` imports a module first.
    random.seed(int.from_bytes(random_bytes(32), "big"))


def freeze() -> None:
    """Leaves `random` in a state that does not differ from build to build."""
    random.seed(0)


def install() -> None:
    """Replaces the clocks and sources of chance of the standard library."""
    seconds = lambda: now_ms() / 1000  # noqa: E731
    nanoseconds = lambda: now_ms() * 1_000_000  # noqa: E731
    for name in ("time", "monotonic", "perf_counter", "process_time", "thread_time"):
        setattr(time, name, seconds)
        setattr(time, f"{name}_ns", nanoseconds)
    for name in ("gmtime", "localtime", "ctime"):
        setattr(time, name, _at(getattr(time, name)))
    strftime = time.strftime
    time.strftime = lambda form, *when: strftime(form, *(when or (time.localtime(),)))
    asctime = time.asctime
    time.asctime = lambda *when: asctime(*(when or (time.localtime(),)))
    setattr(time, "sleep", _sleep)
    os.urandom = random_bytes
    random._urandom = random_bytes  # type: ignore[attr-defined]
    # The datetime that is written in Python asks `time`; that in C asks the system.
    sys.modules["_datetime"] = None  # type: ignore[assignment]
    importlib.reload(importlib.import_module("datetime"))


def _at(convert: Callable[..., Any]) -> Callable[..., Any]:
    return lambda when=None: convert(now_ms() / 1000 if when is None else when)


def _sleep(seconds: float) -> None:
    raise RuntimeError(f"time.sleep({seconds}): a handler does not wait; answer `stepcell.sleep(ms, phase, state)` and go on at the phase")
