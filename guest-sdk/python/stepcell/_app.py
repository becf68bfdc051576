"""The entry of a component: what `stepcell build` has componentize-py wrap. `handler` is the project's module."""

import pathlib
import sys
from typing import Any

import wit_world  # type: ignore[import-not-found]

from . import _calls, _log, _registry, _sealed, _system
from ._host import host
from ._json import write

_calls.bind()
_system.install()
_log.install(False)

# Before the project's modules, which take the clocks as they find them.
try:
    import handler as _project

    for _, _error in _calls.problems():
        raise _error
except BaseException:
    # Why a build fails is read from what Python prints of it.
    sys.stderr = sys.__stderr__
    raise
_sealed.preload(pathlib.Path(_project.__file__).parent)
_sealed.seal()
_system.freeze()
_log.install(host.system is not None)
_sealed.wipe()
host.is_called = True


class WitWorld(wit_world.WitWorld):  # type: ignore[misc]
    """What the component exports."""

    def handle(self, input: Any) -> Any:
        """Calls the handler the task names."""
        return _calls.guarded(_calls.handle, input)

    def on_error(self, input: Any, failure: Any) -> Any:
        """Decides what follows from a failure."""
        return _calls.guarded(_calls.on_error, input, failure)

    def compensate(self, input: Any, output: str) -> None:
        """Undoes what a task did."""
        _calls.guarded(_calls.compensate, input, output)

    def describe(self) -> str:
        """Names the handlers."""
        return write(_registry.describe(), "the description")
