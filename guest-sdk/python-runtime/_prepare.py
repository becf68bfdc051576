"""Checks a source at upload: all that is wrong with it, or the program that attempts run."""

import ast
import types
import warnings
from typing import Any

from . import _calls, _modules, _registry
from ._depth import too_deep
from ._errors import Error
from ._json import write
from ._outcomes import clean
from ._program import FILE, Program
from ._scan import Module, Scan
from ._wire import message_of

BOM = "\ufeff"
TOO_DEEP = "an expression or a block is nested too deeply; give names to its parts"


class Unsound(Exception):
    """What is wrong with a source: line and column, from 1, and a sentence, each."""

    def __init__(self, problems: list[tuple[int, int, str]]) -> None:
        super().__init__(problems)
        self.problems = [(line, column, clean(why)) for line, column, why in sorted(problems)]


def prepare(text: str) -> dict[str, Any]:
    """The members of the record `prepared`."""
    source = Source(text.removeprefix(BOM))
    tree = source.parse()
    found = source.scan(tree)
    code = source.compile(tree)
    uses = found.imports - {"context", "log"}
    program = Program(code, tuple(sorted(name.replace("-", "_") for name in uses)))
    source.evaluate(program)
    return {
        "program": program.pack(),
        "description": write(_registry.describe(), "the description"),
        "capabilities": sorted(uses - {"system"}),
        "on_error": bool(_registry.on_errors),
        "compensate": bool(_registry.compensations),
    }


def refuse_files(event: str, _: Any) -> None:
    """A hook: where the syntax is wrong, Python's compiler looks for the line in a file, and in a component that is a trap."""
    if event == "open":
        raise OSError("a component has no files")


class Source:
    """A text that may be one, and the places in it."""

    def __init__(self, text: str) -> None:
        self.text = text
        # As Python counts them: `splitlines` knows more ends of lines.
        self.lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")

    def parse(self) -> ast.Module:
        """Its syntax."""
        if place := too_deep(self.text):
            raise Unsound([(*place, TOO_DEEP)])
        return self._read(self.text, ast.PyCF_ONLY_AST)

    def scan(self, tree: ast.Module) -> "SourceScan":
        """What it uses, found without running it."""
        found = SourceScan(self)
        try:
            Module(found, None, "").read(tree)
        except RecursionError:
            raise Unsound([(0, 0, TOO_DEEP)]) from None
        if found.problems:
            raise Unsound([(*place, why) for place, why in found.problems.items()])
        return found

    def compile(self, tree: ast.Module) -> types.CodeType:
        """Its code."""
        return self._read(tree, 0)

    def _read(self, given: str | ast.Module, flags: int) -> Any:
        try:
            with warnings.catch_warnings(action="ignore"):
                return compile(given, FILE, "exec", flags, dont_inherit=True)
        except SyntaxError as error:
            raise Unsound([(error.lineno or 0, error.offset or 0, error.msg)]) from None
        except (MemoryError, RecursionError):
            raise Unsound([(0, 0, TOO_DEEP)]) from None

    def evaluate(self, program: Program) -> None:
        """Runs the top-level code and looks at the handlers that are there then."""
        try:
            program.evaluate()
        except BaseException as error:
            said = message_of(error)
            raise Unsound([(*self.raised(error), said if isinstance(error, Error) else f"top-level code failed: {said}")]) from None
        problems = [(*self._begin(function), message_of(error)) for function, error in _calls.problems()]
        if problems:
            raise Unsound(problems)

    def raised(self, error: BaseException) -> tuple[int, int]:
        """The innermost place in it from which an error came."""
        place, at = (0, 0), error.__traceback__
        while at is not None:
            if at.tb_frame.f_code.co_filename == FILE:
                line, _, column, _ = list(at.tb_frame.f_code.co_positions())[at.tb_lasti // 2]
                place = self.place(line or 0, column or 0)
            at = at.tb_next
        return place

    def place(self, line: int, column: int) -> tuple[int, int]:
        """Line and column from 1, of a column that counts bytes."""
        text = self.lines[line - 1] if 0 < line <= len(self.lines) else ""
        return line, len(text.encode()[:column].decode("utf-8", "replace")) + 1

    def _begin(self, function: Any) -> tuple[int, int]:
        """Where a function begins."""
        code = getattr(getattr(function, "function", None), "__code__", None)
        return (code.co_firstlineno, 0) if code and code.co_filename == FILE else (0, 0)


class SourceScan(Scan):
    """What is found in a source."""

    def __init__(self, source: Source) -> None:
        super().__init__(None, None)
        self.source = source
        self.problems: dict[tuple[int, int], str] = {}

    def module(self, name: str, at: Any, node: Any) -> None:
        """An import of a module by its full name."""
        self.note_system(name)

    def needs(self, name: str, at: Any, node: Any) -> None:
        """An import that is always reached."""
        if name not in _modules.PYTHON:
            self.problems[self.source.place(node.lineno, node.col_offset)] = _modules.why_missing(name)
