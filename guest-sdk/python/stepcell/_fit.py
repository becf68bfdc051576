"""Builds what a type hint says from JSON: dataclasses, lists, dicts, unions, enums, dates, UUIDs; nested as they are."""

import collections.abc
import dataclasses
import datetime
import enum
import functools
import inspect
import types
import typing
import uuid
from typing import Any, Callable, TypeVar

from ._errors import ConfigurationError, ValidationError


T = TypeVar("T")


class Misfit(Exception):
    """What does not fit, and where."""

    def __init__(self, why: str, path: str) -> None:
        super().__init__(f"`{path.removeprefix('.')}` {why}" if path else f"it {why}")


@typing.overload
def fit(value: Any, wanted: type[T], what: str = "the value") -> T: ...
@typing.overload
def fit(value: Any, wanted: Any, what: str = "the value") -> Any: ...
def fit(value: Any, wanted: Any, what: str = "the value") -> Any:
    """A JSON value as the type that a hint names; a validation error that names the field where it does not fit."""
    try:
        return _fit(value, wanted, "")
    except Misfit as misfit:
        raise ValidationError(f"{what} does not fit: {misfit}") from None


def check(wanted: Any, where: str) -> None:
    """Refuses, while the component is built, a hint that nothing can be built for."""
    _check(wanted, where, set())


NAMES: dict[Any, str] = {bool: "true or false", int: "an integer", float: "a number", str: "text", type(None): "null"}
LISTS = {list: list, set: set, frozenset: frozenset, collections.abc.Sequence: list, collections.abc.Iterable: list}
# Those that this version of Python has.
QUALIFIERS = [getattr(typing, name) for name in ("Annotated", "Required", "NotRequired", "ReadOnly") if hasattr(typing, name)]
DICTS = (dict, collections.abc.Mapping, collections.abc.MutableMapping)


@functools.cache
def _texts() -> dict[type, Callable[[str], Any]]:
    """What is written as text. Asked for late: a component has another `datetime` than the one that this module finds."""
    dated = (datetime.datetime, datetime.date, datetime.time)
    return {uuid.UUID: uuid.UUID, **{kind: kind.fromisoformat for kind in dated}}


def _fit(value: Any, wanted: Any, path: str) -> Any:
    wanted = _resolve(wanted)
    if wanted is Any:
        return value
    origin, arguments = typing.get_origin(wanted) or wanted, typing.get_args(wanted)
    if origin in NAMES:
        return _fit_plain(value, origin, path)
    if origin is typing.Literal:
        if any(value == one and type(value) is type(one) for one in arguments):
            return value
        raise Misfit(f"must be one of {', '.join(map(repr, arguments))}, not {value!r}", path)
    if origin in (typing.Union, types.UnionType):
        return _fit_union(value, arguments, path)
    if origin in LISTS:
        item = arguments[0] if arguments else Any
        return LISTS[origin](_fit(one, item, f"{path}[{at}]") for at, one in enumerate(_a(value, list, path)))
    if origin is tuple:
        return _fit_tuple(value, arguments, path)
    if origin in DICTS:
        member = arguments[1] if arguments else Any
        return {name: _fit(one, member, f"{path}.{name}") for name, one in _a(value, dict, path).items()}
    if origin in _texts():
        return _build(_texts()[origin], _a(value, str, path), path)
    if issubclass(origin, enum.Enum):
        return _build(origin, value, path)
    if typing.is_typeddict(origin):
        return _fit_typed_dict(value, origin, path)
    return _fit_dataclass(value, origin, path)


def _resolve(wanted: Any) -> Any:
    """A hint without what only readers need: `NewType`, `Annotated`, `type X = ...`; `Any` where nothing is said."""
    while True:
        if wanted is None:
            return type(None)
        if wanted in (inspect.Parameter.empty, object) or isinstance(wanted, typing.TypeVar):
            return Any
        if typing.get_origin(wanted) in QUALIFIERS:
            wanted = typing.get_args(wanted)[0]
        elif hasattr(wanted, "__supertype__"):
            wanted = wanted.__supertype__
        elif type(wanted).__name__ == "TypeAliasType":
            wanted = wanted.__value__
        else:
            return wanted


def _fit_plain(value: Any, wanted: type, path: str) -> Any:
    if wanted is float and type(value) is int:
        return float(value)
    return _a(value, wanted, path)


def _a(value: Any, wanted: type, path: str) -> Any:
    """The value, which must be of this JSON type; `True` is no integer."""
    if type(value) is not wanted:
        raise Misfit(f"must be {_name(wanted)}, not {_name(type(value))}", path)
    return value


def _name(kind: type) -> str:
    names = {**NAMES, list: "a list", dict: "an object"}
    return names.get(kind, kind.__name__)


def _fit_union(value: Any, wanted: tuple[Any, ...], path: str) -> Any:
    if value is None and type(None) in wanted:
        return None
    kinds = [kind for kind in wanted if kind is not type(None)]
    # `int | float` leaves both as they are.
    if type(value) in kinds:
        return value
    misfits = []
    for kind in kinds:
        try:
            return _fit(value, kind, path)
        except Misfit as misfit:
            misfits.append(misfit)
    if len(misfits) == 1:
        raise misfits[0]
    raise Misfit("fits none of its types: " + "; ".join(map(str, misfits)), path)


def _fit_tuple(value: Any, wanted: tuple[Any, ...], path: str) -> Any:
    items = _a(value, list, path)
    if not wanted or wanted[-1] is Ellipsis:
        item = wanted[0] if wanted else Any
        return tuple(_fit(one, item, f"{path}[{at}]") for at, one in enumerate(items))
    if len(items) != len(wanted):
        raise Misfit(f"must have {len(wanted)} items, not {len(items)}", path)
    return tuple(_fit(one, kind, f"{path}[{at}]") for at, (one, kind) in enumerate(zip(items, wanted)))


def _fit_typed_dict(value: Any, wanted: Any, path: str) -> dict[str, Any]:
    given, hints = _a(value, dict, path), _hints(wanted)
    for name in wanted.__required_keys__:
        # Python takes a `NotRequired` that is written as text for required.
        if name not in given and not str(hints[name]).startswith("typing.NotRequired"):
            raise Misfit("is missing", f"{path}.{name}")
    return {name: _fit(one, hints[name], f"{path}.{name}") if name in hints else one for name, one in given.items()}


def _fit_dataclass(value: Any, wanted: Any, path: str) -> Any:
    given, hints, arguments = _a(value, dict, path), _hints(wanted), {}
    for field in dataclasses.fields(wanted):
        if not field.init:
            continue
        if field.name in given:
            arguments[field.name] = _fit(given[field.name], hints[field.name], f"{path}.{field.name}")
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            if type(None) not in typing.get_args(_resolve(hints[field.name])):
                raise Misfit("is missing", f"{path}.{field.name}")
            arguments[field.name] = None
    return _build(lambda _: wanted(**arguments), None, path)


_known: dict[Any, dict[str, Any]] = {}


def _hints(wanted: Any) -> dict[str, Any]:
    if wanted not in _known:
        _known[wanted] = hints_of(wanted)
    return _known[wanted]


def hints_of(wanted: Any) -> dict[str, Any]:
    """The hints of a function or of a class's fields. Python's own way takes long; only what is written as text needs it."""
    if dataclasses.is_dataclass(wanted):
        found = {field.name: field.type for field in dataclasses.fields(wanted)}
    elif inspect.isfunction(wanted) and not hasattr(wanted, "__wrapped__"):
        found = wanted.__annotations__
    else:
        return typing.get_type_hints(wanted, include_extras=True)
    is_whole = all(map(_is_whole, found.values()))
    return found if is_whole else typing.get_type_hints(wanted, include_extras=True)


def _is_whole(hint: Any) -> bool:
    """Whether no part of a hint is a name that is still to be looked up."""
    if type(hint) is type or typing.get_origin(hint) is typing.Literal:
        return True
    return not isinstance(hint, (str, typing.ForwardRef)) and all(map(_is_whole, typing.get_args(hint)))


def _build(make: Callable[[Any], Any], value: Any, path: str) -> Any:
    """What a constructor makes; what it refuses does not fit."""
    try:
        return make(value)
    except ValidationError:
        raise
    except ValueError as error:
        raise Misfit(f"is refused: {error}", path) from None


def _check(wanted: Any, where: str, seen: set[Any]) -> None:
    wanted = _resolve(wanted)
    origin, arguments = typing.get_origin(wanted) or wanted, typing.get_args(wanted)
    if wanted is Any or wanted is Ellipsis or origin in NAMES or origin in _texts() or origin is typing.Literal:
        return
    if origin in (typing.Union, types.UnionType, tuple) or origin in LISTS or origin in DICTS:
        for argument in arguments:
            _check(argument, where, seen)
        return
    if isinstance(origin, type) and (dataclasses.is_dataclass(origin) or typing.is_typeddict(origin)):
        if origin not in seen:
            seen.add(origin)
            for name, hint in _hints(origin).items():
                _check(hint, f"{where}: field `{name}` of `{origin.__name__}`", seen)
        return
    if isinstance(origin, type) and issubclass(origin, enum.Enum):
        return
    raise ConfigurationError(
        f"{where}: `{getattr(wanted, '__name__', wanted)}` cannot be built from JSON; use a dataclass, a TypedDict, a list, a dict or `Any`"
    )
