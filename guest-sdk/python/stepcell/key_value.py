"""Values that outlive the run, kept for the tenant and the flow: `grants = { key_value = true }`.

A write is durable at once, whatever comes of the attempt. A key has at most 512 bytes, a value 256 KiB; an attempt makes at most
1,000 calls."""

from typing import Any, Callable

from ._errors import ConfigurationError, DependencyError, Error, ExecutionError, ValidationError
from ._host import bound, interface
from ._json import Writable, read, write
from ._outcomes import clean


def get(key: str) -> Any:
    """The value of a key, as JSON; `None` where it has none."""
    data = get_bytes(key)
    try:
        return None if data is None else read(data)
    except ValueError as error:
        raise ExecutionError(f"the value of `{key}` is no JSON: {error}") from None


def set(key: str, value: Writable) -> None:
    """Sets a key to a value, as JSON."""
    set_bytes(key, _bytes(value))


def replace(key: str, expected: Writable, value: Writable) -> bool:
    """Sets a key where its value is the expected one, byte for byte as JSON writes it; `None`: where it has none. False: it has
    another one."""
    return compare_and_set(key, None if expected is None else _bytes(expected), _bytes(value))


def get_bytes(key: str) -> bytes | None:
    """The bytes of a key; `None` where it has none."""
    data = _ask(lambda wire: wire.get(clean(key)))
    return None if data is None else bytes(data)


def set_bytes(key: str, data: bytes) -> None:
    """Sets a key to bytes."""
    _ask(lambda wire: wire.set(clean(key), data))


def compare_and_set(key: str, expected: bytes | None, data: bytes) -> bool:
    """Sets a key where its bytes are the expected ones; `None`: where it has none. False: it has other ones."""
    return bool(_ask(lambda wire: wire.compare_and_set(clean(key), expected, data)))


def delete(key: str) -> bool:
    """Deletes a key. False: it was not there."""
    return bool(_ask(lambda wire: wire.delete(clean(key))))


def list_keys(prefix: str = "", after: str | None = None, limit: int = 1000) -> list[str]:
    """Keys that begin with the prefix, in the order of their bytes: those after `after`, at most `limit` and never more than 1,000."""
    found = _ask(lambda wire: wire.list_keys(clean(prefix), None if after is None else clean(after), limit))
    return list(found)


def _bytes(value: Writable) -> bytes:
    return write(value, "the value").encode()


def _ask(call: Callable[[Any], Any]) -> Any:
    bound()
    wire = interface("key_value", "a value is asked for")
    try:
        return call(wire)
    except Exception as error:
        raise _explain(error) from None


def _explain(error: Exception) -> Exception:
    fault = getattr(error, "value", None)
    name, value = type(fault).__name__.removeprefix("StoreError_"), getattr(fault, "value", None)
    known: dict[str, Error] = {
        "Denied": ConfigurationError(str(value)),
        "Invalid": ValidationError(str(value)),
        "TooLarge": ExecutionError(f"a value has at most {value} bytes", retry=False),
        "TooMany": ExecutionError(f"an attempt does no more than {value} of it", retry=False),
        "Full": DependencyError(f"the values of a tenant have at most {value} bytes"),
        "LostClaim": DependencyError("another worker has the task now"),
        "Other": DependencyError(str(value)),
    }
    return known.get(name) or error
