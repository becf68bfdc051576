"""A program: what a source becomes at upload, and how an attempt begins with it."""

import base64
import binascii
import dataclasses
import marshal
import sys
import types

from . import _kept, _log, _registry
from ._host import host

FILE = "handler.py"
MODULE = "handler"
OPTIONAL = ("system", "fetch", "key_value", "secrets")


@dataclasses.dataclass(frozen=True)
class Program:
    """A source as it is run. It is good for the very runtime that made it."""

    code: types.CodeType
    uses: tuple[str, ...]
    roles: list[dict[str, str]] = dataclasses.field(default_factory=list)

    def pack(self) -> str:
        """As text, with what was found out while it was evaluated."""
        roles = [function.roles for function in _registry.functions()]
        return base64.b64encode(marshal.dumps((self.code, self.uses, roles, _kept.kept.parts()))).decode()

    @staticmethod
    def unpack(text: str) -> "Program":
        """Of what `pack` made."""
        code, uses, roles, kept = marshal.loads(binascii.a2b_base64(text))
        _kept.kept.restore(kept)
        return Program(code, uses, roles)

    def evaluate(self) -> None:
        """Runs the top-level code, as it is run while a component is built: without a host, and nobody reads what it says."""
        module = types.ModuleType(MODULE)
        module.__file__ = FILE
        sys.modules[MODULE] = module
        _log.install(False)
        exec(self.code, vars(module))

    def begin(self) -> None:
        """From now on a handler runs, which has what a component of its own would have."""
        for name in OPTIONAL:
            if name not in self.uses:
                setattr(host, name, None)
        for function, roles in zip(_registry.functions(), self.roles):
            function.roles = roles
        _log.install(host.system is not None)
        host.is_called = True
