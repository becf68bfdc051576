"""The entry of a component: what `stepcell build` has componentize-py wrap. `handler` is the project's module."""

import importlib
import pathlib
from typing import Any, Callable

import wit_world
from componentize_py_types import Err
from wit_world.imports import types as wire

from . import _log, _sealed, _system
from ._context import Context, Failure
from ._errors import ConfigurationError
from ._host import host
from ._json import read, write
from ._outcomes import Outcome
from ._wire import error_fields


def _bind() -> None:
    for name in ("context", "log", "system", "fetch", "key_value", "secrets"):
        try:
            setattr(host, name, importlib.import_module(f"wit_world.imports.{name}"))
        except ImportError:
            # The project's modules do not use it.
            setattr(host, name, None)
    host.is_component = True


_bind()
_system.install()

# Before the project's modules, which take the clocks as they find them.
import handler as _project  # noqa: E402

from . import _registry  # noqa: E402

if not _registry.handlers:
    raise ConfigurationError("`handler.py` has no handler; write `@stepcell.handler` above a function")
for _functions in (_registry.handlers, _registry.on_errors, _registry.compensations):
    for _function in _functions.values():
        _function.prepare()
for _named in [*_registry.on_errors, *_registry.compensations]:
    if _named is not None:
        _registry.find(_named)
_sealed.preload(pathlib.Path(_project.__file__).parent)
_sealed.seal()
_system.freeze()
_log.install(host.system is not None)
_sealed.wipe()
host.is_called = True


class WitWorld(wit_world.WitWorld):
    """What the component exports."""

    def handle(self, input: Any) -> Any:
        """Calls the handler the task names."""
        return _guarded(lambda: _handle(input))

    def on_error(self, input: Any, failure: Any) -> Any:
        """Decides what follows from a failure."""
        return _guarded(lambda: _on_error(input, failure))

    def compensate(self, input: Any, output: str) -> None:
        """Undoes what a task did."""
        _guarded(lambda: _compensate(input, output))

    def describe(self) -> str:
        """Names the handlers."""
        return write(_registry.describe(), "the description")


def _guarded(call: Callable[[], Any]) -> Any:
    """Calls, and raises what the line takes: anything else would be a trap."""
    if host.system is not None:
        _system.reseed()
    try:
        return call()
    except BaseException as error:
        raise Err(_wire_error(error)) from None
    finally:
        _log.finish()


def _wire_error(error: BaseException) -> Any:
    fields = error_fields(error)
    return wire.HandlerError(**{**fields, "kind": wire.ErrorKind[fields["kind"].upper()]})


def _handle(input: Any) -> Any:
    context = Context()
    name, function = _registry.find(context.handler)
    answer = function.call(context, lambda: _read(input))
    if isinstance(answer, Outcome):
        return _wire_outcome(answer)
    return wire.Outcome_Complete(write(answer, f"what handler `{name}` returned"))


def _on_error(input: Any, failure: Any) -> Any:
    context = Context()
    function = _registry.find_special(_registry.on_errors, context.handler)
    if function is None:
        return None
    seen = Failure(failure.kind, failure.message, None if failure.details is None else read(failure.details))
    answer = function.call(context, lambda: _read(input), failure=seen)
    if answer is not None and not isinstance(answer, Outcome):
        raise ConfigurationError("`on_error` answers an outcome (`stepcell.retry()`, `stepcell.next(...)`, ...) or `None`")
    return None if answer is None else _wire_outcome(answer)


def _compensate(input: Any, output: str) -> None:
    context = Context()
    function = _registry.find_special(_registry.compensations, context.handler)
    # A handler without one has nothing to undo.
    if function is not None:
        function.call(context, lambda: _read(input), output=read(output))


def _read(input: Any) -> tuple[str, Any]:
    if isinstance(input, wire.Input_Deps):
        return "the dependencies' output", {step: read(json) for step, json in input.value}
    return "the element" if isinstance(input, wire.Input_Element) else "the flow's input", read(input.value)


def _wire_outcome(outcome: Outcome) -> Any:
    case, value = getattr(wire, f"Outcome_{outcome.name}"), outcome.value
    if outcome.name == "Fail":
        return case(_wire_error(value))
    if isinstance(value, str):
        return case(value)
    if outcome.name == "Spawn":
        value = {**value, "children": [wire.ChildStart(**start) for start in value["children"]]}
    return case(getattr(wire, outcome.name)(**value))
