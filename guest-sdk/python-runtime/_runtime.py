"""The entry of the runtime for sources of their own, which many of them share: built with the SDK's modules around it.

    python-runtime/*.py, python/stepcell/*.py -> stepcell/     python/scan.py -> stepcell/_scan.py

A source is checked and compiled once, by `prepare`; an attempt evaluates what that made of it, then calls as `_app` does."""

import pathlib
import sys
from typing import Any, Callable

import wit_world
from componentize_py_types import Err
from wit_world.imports import source as wire

from . import _calls, _sealed, _system

_calls.bind()
_system.install()

# What is imported takes the clocks as it finds them.
from . import _kept, _modules, _prepare, _warm  # noqa: E402
from ._program import Program  # noqa: E402

_modules.preload()
_sealed.preload(pathlib.Path("/nowhere"))
_sealed.seal()
_modules.seal()
_kept.install()
_warm.up()
_system.freeze()
_sealed.wipe()


class WitWorld(wit_world.WitWorld):
    """What the component exports."""

    def handle(self, input: Any) -> Any:
        """Calls the handler the task names."""
        return _calls.guarded(_bound, _calls.handle, input)

    def on_error(self, input: Any, failure: Any) -> Any:
        """Decides what follows from a failure."""
        return _calls.guarded(_bound, _calls.on_error, input, failure)

    def compensate(self, input: Any, output: str) -> None:
        """Undoes what a task did."""
        _calls.guarded(_bound, _calls.compensate, input, output)

    def prepare(self, text: str) -> wire.Prepared:
        """Checks a source and makes a program of it."""
        # Not before: it makes attempts slower.
        sys.addaudithook(_prepare.refuse_files)
        try:
            return wire.Prepared(**_prepare.prepare(text))
        except _prepare.Unsound as unsound:
            raise Err([wire.SourceProblem(*problem) for problem in unsound.problems]) from None


def _bound(call: Callable[..., Any], *given: Any) -> Any:
    """Calls, with the source's handlers there."""
    program = Program.unpack(wire.program())
    program.evaluate()
    program.begin()
    return call(*given)
