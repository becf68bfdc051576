"""What every language's handlers must do alike: the same names and answers as the other folders beside this one."""

import logging
import os
import time
from typing import Any

import stepcell
from stepcell import Context, Outcome

log = logging.getLogger()


@stepcell.handler
def echo(input: Any) -> Any:
    """Answers its input."""
    return input


@stepcell.handler
def fails(input: dict[str, str]) -> None:
    """Raises the language's plain error."""
    raise Exception(input["message"])


@stepcell.handler
def invalid() -> None:
    """Refuses its input."""
    raise stepcell.ValidationError("`x` is wrong", details={"field": "x"})


@stepcell.handler
def hint() -> None:
    """Asks to be tried again later."""
    raise stepcell.DependencyError("not there yet", retry_after_ms=1234)


@stepcell.handler
def logs() -> None:
    """Writes a line at each level and one in the language's own way."""
    log.log(5, "a trace line")
    log.debug("a debug line")
    log.info("an info line", extra={"n": 1})
    log.warning("a warn line")
    log.error("an error line")
    print("its own line:", 42)


@stepcell.handler
def spins() -> None:
    """Never ends."""
    while True:
        pass


@stepcell.handler
def wrong(input: dict[str, str]) -> Any:
    """Answers something that is no JSON."""
    circular: dict[str, list[Any]] = {"list": []}
    circular["list"].append(circular)
    return {"undefined": object(), "nan": {"list": [float("nan")]}, "bytes": b"abc", "circular": circular}[input["what"]]


@stepcell.handler
def phases(context: Context) -> int | Outcome:
    """Sleeps, then answers what it kept and one."""
    return context.state["n"] + 1 if context.phase == "second" else stepcell.sleep(5, "second", {"n": 1})


@stepcell.handler
def waits(context: Context) -> Any:
    """Waits for a signal and answers what was sent."""
    return context.awaited[0].payload if context.phase == "woken" else stepcell.await_signals(["go"], "woken")


@stepcell.handler
def sums(deps: dict[str, float | int]) -> float | int:
    """Adds the numbers of all dependencies."""
    return sum(deps.values())


@stepcell.handler
def context(context: Context) -> dict[str, Any]:
    """Answers who is calling."""
    return {"step": context.step, "attempt": context.attempt, "idempotency_key": context.idempotency_key}


@stepcell.handler
def clock() -> dict[str, Any]:
    """Answers the time and chance."""
    return {"now": time.time_ns() // 1_000_000, "random": os.urandom(8).hex()}
