"""The decorated functions of a project, and how they are called."""

import functools
import inspect
import re
from typing import Any, Callable, TypeVar, overload

from ._context import Context, Failure
from ._errors import ConfigurationError
from ._fit import check, fit, hints_of
from ._flow import Flow
from ._json import Writable
from ._outcomes import Outcome

NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_-]{0,127}")
# The parameters that are not the input, by name or by hint.
KNOWN: dict[str, Any] = {"context": Context, "failure": Failure, "output": None}
# What an attempt may use where its step does not say: an interpreter takes more than the host gives by itself.
LIMITS = {"memory_bytes": 128 * 1024 * 1024, "fuel": 20_000_000_000}

handlers: dict[str, "Function"] = {}
# What there is for all handlers has no name.
on_errors: dict[str | None, "Function"] = {}
compensations: dict[str | None, "Function"] = {}
# The flow that the component carries: one at most.
flows: list[Flow] = []

Handles = TypeVar("Handles", bound=Callable[..., Writable | Outcome])
Decides = TypeVar("Decides", bound=Callable[..., Outcome | None])
Undoes = TypeVar("Undoes", bound=Callable[..., object])


class Function:
    """A function and what its parameters want."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        # What each parameter is given, by its name: `input`, `context`, ...
        self.roles: dict[str, str] | None = None

    def prepare(self) -> None:
        """Reads the parameters and their hints, once every name they mention is there."""
        if self.roles is not None:
            return
        where = f"`{self.function.__name__}`"
        if inspect.iscoroutinefunction(self.function) or inspect.isasyncgenfunction(self.function):
            raise ConfigurationError(f"{where} is async: a handler is an ordinary function; it waits by answering `stepcell.sleep(...)`")
        roles: dict[str, str] = {}
        for name in inspect.signature(self.function).parameters:
            hint = self.hints.get(name)
            role = next((role for role, kind in KNOWN.items() if name == role or (kind and hint is kind)), "input")
            if role in roles.values():
                raise ConfigurationError(f"{where} takes `{name}` besides its {role}; a handler takes an input and a context")
            roles[name] = role
            if role in ("input", "output"):
                check(self.hints.get(name, Any), f"{where}: parameter `{name}`")
        self.roles = roles

    @functools.cached_property
    def hints(self) -> dict[str, Any]:
        """What is said of the parameters."""
        return hints_of(self.function)

    def call(self, context: Context, read_input: Callable[[], Any], **others: Any) -> Any:
        """Calls it with what it asks for."""
        self.prepare()
        arguments = {}
        for name, role in (self.roles or {}).items():
            if role == "context":
                arguments[name] = context
            elif role == "input":
                what, value = read_input()
                arguments[name] = fit(value, self.hints.get(name, Any), what)
            elif role not in others:
                raise ConfigurationError(f"`{self.function.__name__}` has a parameter `{name}`, which is not given here")
            elif role == "output":
                arguments[name] = fit(others[role], self.hints.get(name, Any), "the task's output")
            else:
                arguments[name] = others[role]
        return self.function(**arguments)


@overload
def handler(given: Handles, /) -> Handles: ...
@overload
def handler(given: str | None = None, /, *, name: str | None = None) -> Callable[[Handles], Handles]: ...
def handler(given: Any = None, /, *, name: str | None = None) -> Any:
    """Makes a function a handler: `@handler`, or `@handler("count-lines")` where a flow names it otherwise.

    It takes its input, a `context`, both or nothing, and answers any JSON value, a dataclass or an outcome."""

    def add(function: Callable[..., Any], called: str) -> Callable[..., Any]:
        if not NAME.fullmatch(called):
            raise ConfigurationError(
                f"the handler `{called}` cannot be named in a flow: letters, digits, `_` and `-`, no digit or `-` in front, at most 128"
            )
        if called in handlers:
            raise ConfigurationError(f"two handlers are named `{called}`")
        handlers[called] = Function(function)
        return function

    if callable(given):
        return add(given, given.__name__)
    return lambda function: add(function, given or name or function.__name__)


@overload
def on_error(given: Decides, /) -> Decides: ...
@overload
def on_error(given: str | None = None, /) -> Callable[[Decides], Decides]: ...
def on_error(given: Any = None, /) -> Any:
    """Has a function decide what follows when an attempt failed: `@on_error` for all handlers, `@on_error("name")` for one.

    It takes any of the input, `failure` and `context`, and answers an outcome, or `None` to leave the failure as it is."""
    return _special(on_errors, given)


@overload
def compensate(given: Undoes, /) -> Undoes: ...
@overload
def compensate(given: str | None = None, /) -> Callable[[Undoes], Undoes]: ...
def compensate(given: Any = None, /) -> Any:
    """Has a function undo what a completed task did: `@compensate("name")` for one handler, `@compensate` for all.

    It takes any of the input, `output` and `context`."""
    return _special(compensations, given)


def flow(manifest: Flow) -> None:
    """Has the component carry a flow, which is registered when the component is uploaded: what `flow.toml` would say, as a dict.

    A step without `component` calls this one: `stepcell.flow({"flow": "order", "step": [{"name": "price", "handler": "price"}]})`."""
    if flows:
        raise ConfigurationError("`stepcell.flow` is called twice, and a component carries one flow; make another component for the other one")
    if not isinstance(manifest, dict):
        raise ConfigurationError(f"`stepcell.flow` takes a dict of what `flow.toml` would say, not a {type(manifest).__name__}")
    flows.append(manifest)


def _special(table: dict[str | None, Function], given: Any) -> Any:
    def add(function: Callable[..., Any], named: str | None) -> Callable[..., Any]:
        table[named] = Function(function)
        return function

    if callable(given):
        return add(given, None)
    return lambda function: add(function, given)


def functions() -> list[Function]:
    """All of them."""
    return [*handlers.values(), *on_errors.values(), *compensations.values()]


def find(name: str) -> tuple[str, Function]:
    """The handler of this name; the only one where no name is given."""
    found = next(iter(handlers)) if name == "" and len(handlers) == 1 else name
    if found in handlers:
        return found, handlers[found]
    listed = ", ".join(f"`{known}`" for known in handlers)
    if name == "":
        raise ConfigurationError(f"the component carries several handlers ({listed}), and the step names none; add `handler = ...`")
    raise ConfigurationError(f"the component has no handler `{name}`, only {listed}; change the step's `handler`")


def find_special(table: dict[str | None, Function], name: str) -> Function | None:
    """What there is for a handler: its own before that for all."""
    if name == "" and len(handlers) == 1:
        name = next(iter(handlers))
    return table.get(name) or table.get(None)


def describe() -> dict[str, Any]:
    """What the component says of itself at upload."""
    said: dict[str, Any] = {"handlers": list(handlers), "limits": LIMITS}
    if compensations and None not in compensations:
        said["compensates"] = list(compensations)
    if flows:
        said["flow"] = flows[0]
    return said
