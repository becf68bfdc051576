"""JSON both ways: dataclasses, enums, dates and UUIDs are written, what has no JSON is refused by name."""

import dataclasses
import datetime
import enum
import json
import uuid
from typing import Any, ClassVar, Mapping, Protocol, Sequence, TypeAlias

from ._errors import ConfigurationError

read = json.loads


class Dataclass(Protocol):
    """Any dataclass."""

    __dataclass_fields__: ClassVar[dict[str, Any]]


Dated: TypeAlias = datetime.datetime | datetime.date | datetime.time
# What `write` takes, as far as types can say it: sets, iterators and coroutines are not among it. Bytes are refused when it runs.
Writable: TypeAlias = (
    None | bool | int | float | str | Sequence[Any] | Mapping[Any, Any] | Dataclass | enum.Enum | Dated | uuid.UUID
)


def write(value: Any, what: str) -> str:
    """A value as JSON; a configuration error that says what is wrong with it and where."""
    try:
        text = json.dumps(value, default=_plain, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
    except (TypeError, ValueError, RecursionError) as error:
        place = _find(value, "", ()) or f"it cannot be: {error}"
        raise ConfigurationError(f"{what} cannot be written as JSON: {place}") from None
    return text if _is_unicode(text) else json.dumps(json.loads(text), separators=(",", ":"))


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _plain(value: Any) -> Any:
    """What `json` does not know by itself, as what it knows."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, (datetime.datetime, datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, uuid.UUID):
        return str(value)
    raise TypeError(_why(value))


def _why(value: Any) -> str:
    kind = type(value).__name__
    if isinstance(value, (bytes, bytearray, memoryview)):
        return "bytes; write them as text, or as a list with `list(data)`"
    if isinstance(value, (set, frozenset)):
        return f"a {kind}; `sorted(...)` makes a list of it"
    return f"a {kind}, which has no JSON; a dataclass, a dict or a list has"


def _find(value: Any, path: str, above: tuple[int, ...]) -> str | None:
    """The first place in a value that has no JSON, in words."""
    place = f"`{path.removeprefix('.')}` is" if path else "it is"
    if id(value) in above:
        return f"{place} a part of itself (circular)"
    if value is None or isinstance(value, (str, bool, int)):
        return None
    if isinstance(value, float):
        return f"{place} {value}, which JSON does not have" if value != value or abs(value) == float("inf") else None
    inside = (*above, id(value))
    if isinstance(value, dict):
        for name, member in value.items():
            if not isinstance(name, (str, int, float, bool, type(None))):
                return f"{place} a dict with the key {name!r}; keys are text"
            if found := _find(member, f"{path}.{name}", inside):
                return found
        return None
    if isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            if found := _find(item, f"{path}[{index}]", inside):
                return found
        return None
    try:
        return _find(_plain(value), path, inside)
    except TypeError as error:
        return f"{place} {error}"
