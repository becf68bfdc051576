"""The calls of the host: what it hands over as Python has it, and what is answered as it takes it."""

import importlib
import os
from typing import Any, Callable, Iterator, NoReturn

from componentize_py_types import Err  # type: ignore[import-not-found]
from wit_world.imports import types as wire  # type: ignore[import-not-found]

from . import _log, _registry, _system
from ._context import Context, Failure
from ._errors import ConfigurationError
from ._host import host
from ._json import read, write
from ._outcomes import Outcome
from ._wire import error_fields, stack_of

# More than any attempt may have, and less than no list or text could be.
TOO_MUCH_BYTES = (1 << 31) - (1 << 16)


def bind() -> None:
    """Finds the interfaces of the host that the component has."""
    for name in ("context", "log", "system", "fetch", "key_value", "secrets"):
        try:
            setattr(host, name, importlib.import_module(f"wit_world.imports.{name}"))
        except ImportError:
            # The project's modules do not use it.
            setattr(host, name, None)
    host.is_component = True


def problems() -> Iterator[tuple[_registry.Function | None, Exception]]:
    """What is wrong before anything is called, and with which function."""
    if not _registry.handlers:
        yield None, ConfigurationError("`handler.py` has no handler; write `@stepcell.handler` above a function")
    for function in _registry.functions():
        try:
            function.prepare()
        except Exception as error:
            yield function, error
    for special in (_registry.on_errors, _registry.compensations):
        for named, function in special.items():
            try:
                if named is not None:
                    _registry.find(named)
            except ConfigurationError as error:
                yield function, error
    # Not where the flow is handed over: every attempt of a source of its own comes by there.
    for manifest in _registry.flows:
        try:
            write(manifest, "the flow")
        except ConfigurationError as error:
            yield None, error


def guarded(call: Callable[..., Any], *given: Any) -> Any:
    """Calls, and raises what the line takes: anything else is a trap, as which an attempt ends that has no memory left."""
    try:
        return call(*given)
    except MemoryError as error:
        _end_without_memory(error)
    except BaseException as error:
        raise Err(_wire_error(error)) from None
    finally:
        _log.finish()


def handle(input: Any) -> Any:
    """Calls the handler the task names."""
    context = _begin()
    name, function = _registry.find(context.handler)
    answer = function.call(context, lambda: _read(input))
    if isinstance(answer, Outcome):
        return _wire_outcome(answer)
    return wire.Outcome_Complete(write(answer, f"what handler `{name}` returned"))


def on_error(input: Any, failure: Any) -> Any:
    """Decides what follows from a failure."""
    context = _begin()
    function = _registry.find_special(_registry.on_errors, context.handler)
    if function is None:
        return None
    seen = Failure(failure.kind, failure.message, None if failure.details is None else read(failure.details))
    answer = function.call(context, lambda: _read(input), failure=seen)
    if answer is not None and not isinstance(answer, Outcome):
        raise ConfigurationError("`on_error` answers an outcome (`stepcell.retry()`, `stepcell.next(...)`, ...) or `None`")
    return None if answer is None else _wire_outcome(answer)


def compensate(input: Any, output: str) -> None:
    """Undoes what a task did."""
    context = _begin()
    function = _registry.find_special(_registry.compensations, context.handler)
    # A handler without one has nothing to undo.
    if function is not None:
        function.call(context, lambda: _read(input), output=read(output))


def _end_without_memory(error: MemoryError) -> NoReturn:
    """Ends the attempt as the host takes it for one that wanted too much: memory is refused, then a trap."""
    try:
        _log.finish()
        _log.put("ERROR", f"the memory ran out: {stack_of(error)}")
        # Python refuses some sizes by itself, which the host never heard of.
        bytearray(TOO_MUCH_BYTES)
    except MemoryError:
        pass
    os.abort()


def _begin() -> Context:
    if host.system is not None:
        _system.reseed()
    return Context()


def _wire_error(error: BaseException) -> Any:
    fields = error_fields(error)
    return wire.HandlerError(**{**fields, "kind": wire.ErrorKind[fields["kind"].upper()]})


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
