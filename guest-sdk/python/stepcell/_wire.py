"""Errors as a component answers them."""

import traceback
from typing import Any

from ._errors import ConfigurationError, Error
from ._json import write
from ._outcomes import clean, whole_ms

MOST_BYTES = 4096
MOST_CAUSES = 8


def error_fields(error: BaseException) -> dict[str, Any]:
    """The members of the record `handler-error`. Anything but an `Error` is a failed execution."""
    if isinstance(error, Error):
        return {
            "kind": error.kind,
            "message": clean(_text_of(error.message)),
            "details": _details(error.details),
            "retry": error.retry,
            "retry_after_ms": whole_ms(error.retry_after_ms),
        }
    details = write({"name": type(error).__name__, "stack": stack_of(error)}, "the stack")
    return {"kind": "execution", "message": clean(message_of(error)), "details": details, "retry": None, "retry_after_ms": None}


def _details(details: Any) -> str | None:
    try:
        return None if details is None else write(details, "the details")
    except ConfigurationError:
        # As in every SDK: what cannot be written is left out.
        return None


def message_of(error: BaseException) -> str:
    """An error and its causes in a line."""
    said: list[str] = []
    at: BaseException | None = error
    while at is not None and len(said) < MOST_CAUSES:
        text = _text_of(at) or type(at).__name__
        said.append(text if type(at) in (Exception, RuntimeError) or isinstance(at, Error) else f"{type(at).__name__}: {text}")
        at = at.__cause__
    return ": ".join(said)


def _text_of(said: Any) -> str:
    """What an error says, which code of the project may make."""
    try:
        return str(said)
    except MemoryError:
        raise
    except BaseException:
        return f"no text, because the `__str__` of `{type(said).__name__}` fails"


def stack_of(error: BaseException) -> str:
    """Where it was raised, the innermost call last, without the SDK's own; the last 4 KiB of it."""
    calls = [(frame.f_code, line) for frame, line in traceback.walk_tb(error.__traceback__)]
    own = [(code, line) for code, line in calls if "/stepcell/_" not in code.co_filename]
    lines = [f"{_shown(code.co_filename)}:{line} in {code.co_name}" for code, line in own]
    kept = ["…", *lines]
    while sum(len(line.encode("utf-8", "replace")) + 1 for line in kept) > MOST_BYTES:
        del kept[1 : 2 + len(kept) // 4]
    return "\n".join(kept if len(kept) <= len(lines) else lines)


def _shown(filename: str) -> str:
    """A file as the project names it: the build puts each folder of modules at `/0`, `/1`, ..."""
    first, _, rest = filename.lstrip("/").partition("/")
    return rest if first.isdigit() else filename
