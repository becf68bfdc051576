"""What Python's modules compile or write while a source is evaluated: the same every time, so it is kept with the program."""

import collections
import dataclasses
import inspect
import re
import types
from typing import Any

import _sre

from ._host import host


class Kept:
    """The code of dataclasses and named tuples, the docs of those that have none, and the code of regular expressions."""

    def __init__(self) -> None:
        self.code: dict[tuple[str, str], types.CodeType] = {}
        self.docs: list[str] = []
        self.docs_read = 0
        self.patterns: dict[tuple[str | bytes, int], tuple[Any, ...]] = {}

    def parts(self) -> tuple[Any, ...]:
        """What `restore` takes."""
        return self.code, self.docs, self.patterns

    def restore(self, parts: tuple[Any, ...]) -> None:
        """Has what another one has."""
        self.code, self.docs, self.patterns = parts
        self.docs_read = 0

    def doc(self, kind: type, **options: Any) -> str:
        """How a dataclass is called: the next one, because they are made in the same order every time."""
        if host.is_called:
            return str(inspect.signature(kind, **options))
        if self.docs_read == len(self.docs):
            self.docs.append(str(inspect.signature(kind, **options)))
        self.docs_read += 1
        return self.docs[self.docs_read - 1]

    def compiled(self, text: str, mode: str) -> types.CodeType:
        """The code of a text."""
        code = self.code.get((text, mode))
        if code is None:
            code = compile(text, "<string>", mode)
            self._keep(self.code, (text, mode), code)
        return code

    def pattern(self, text: Any, flags: int = 0) -> re.Pattern[Any]:
        """A regular expression."""
        if type(text) not in (str, bytes) or flags & re.DEBUG.value:
            return _compile_pattern(text, flags)
        parts = self.patterns.get((text, flags))
        if parts is None:
            parts = _parts(text, flags)
            self._keep(self.patterns, (text, flags), parts)
        return _sre.compile(*parts)

    @staticmethod
    def _keep(table: dict[Any, Any], key: Any, value: Any) -> None:
        # A handler may make as many of them as it has inputs.
        if not host.is_called:
            table[key] = value


kept = Kept()


def install() -> None:
    """Has Python's modules look here first."""
    vars(dataclasses)["exec"] = lambda text, *names: exec(kept.compiled(text, "exec"), *names)
    vars(collections)["eval"] = lambda text, *names: eval(kept.compiled(text, "eval"), *names)
    vars(dataclasses)["inspect"] = types.SimpleNamespace(**{**vars(inspect), "signature": kept.doc})
    vars(re._compiler)["compile"] = kept.pattern


def _parts(text: Any, flags: int) -> tuple[Any, ...]:
    """What Python's compiler of regular expressions hands to the machine that runs them."""
    parts: list[tuple[Any, ...]] = []
    vars(re._compiler)["_sre"] = _Listener(parts)
    try:
        _compile_pattern(text, flags)
    finally:
        vars(re._compiler)["_sre"] = _sre
    pattern, flags, code, *rest = parts[0]
    # Named numbers are among them, which cannot be kept.
    return pattern, int(flags), [int(word) for word in code], *rest


_compile_pattern = re._compiler.compile


class _Listener:
    """The machine, with an ear at its door."""

    def __init__(self, parts: list[tuple[Any, ...]]) -> None:
        self.parts = parts

    def __getattr__(self, name: str) -> Any:
        return getattr(_sre, name)

    def compile(self, *parts: Any) -> re.Pattern[Any]:
        """Makes a pattern."""
        self.parts.append(parts)
        return _sre.compile(*parts)
