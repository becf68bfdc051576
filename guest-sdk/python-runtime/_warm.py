"""Runs a source through everything before the runtime's state is kept: what the interpreter learns on the way, no attempt has to."""

import sys
import types

from wit_world.imports import types as wire

from . import _calls, _kept, _prepare, _registry, testing
from ._host import host
from ._program import MODULE, Program

# So often that the interpreter has made up its mind about the code on the way.
ROUNDS = 100
SOURCE = '''
import dataclasses
import enum
import json
import logging
import re
from typing import Any

import stepcell
from stepcell import Context, Outcome, fetch, key_value

log = logging.getLogger(__name__)
WORD = re.compile(r"[a-z]+")


class Kind(enum.Enum):
    A = "a"


@dataclasses.dataclass
class Item:
    """An item."""

    name: str
    count: int | None = 1


@dataclasses.dataclass(frozen=True)
class Order:
    id: str
    items: list[Item]
    kind: Kind = Kind.A
    more: dict[str, Any] = dataclasses.field(default_factory=dict)


@stepcell.handler
def price(order: Order) -> Order:
    """Answers it."""
    log.info("priced", extra={"items": len(order.items)})
    print(f"order {order.id}")
    return order


@stepcell.handler
def wait(input: dict[str, Any], context: Context) -> Any:
    if context.phase == "":
        return stepcell.sleep(5, "second", {"n": 1})
    raise stepcell.ValidationError("`x` is wrong", details={"field": "x"})


@stepcell.handler
def fail(input: Any) -> Any:
    return {"a": 1}[input]


@stepcell.compensate("price")
def undo(order: Order) -> None:
    return None
'''
CALLS = (
    ("price", '{"id":"A-1","items":[{"name":"tea","count":2}],"kind":"a"}'),
    ("wait", '{"a":[1,2.5,null,true]}'),
    ("fail", '"b"'),
)


def up() -> None:
    """Leaves nothing behind of what it ran."""
    text = _prepare.prepare(SOURCE)["program"]
    for _ in range(ROUNDS):
        for name, input in CALLS:
            host.is_called = True
            testing.reset(handler=name)
            host.system = types.SimpleNamespace(random_bytes=bytes)
            _forget()
            try:
                _calls.guarded(_call, text, wire.Input_Flow(input))
            except Exception:
                # One of them fails on purpose.
                pass
    _forget()
    testing.log.clear()
    sys.modules.pop(MODULE)
    _kept.kept.restore(({}, [], {}))
    _calls.bind()


def _call(text: str, input: wire.Input) -> wire.Outcome:
    program = Program.unpack(text)
    program.evaluate()
    program.begin()
    return _calls.handle(input)


def _forget() -> None:
    host.is_called = False
    for table in (_registry.handlers, _registry.on_errors, _registry.compensations):
        table.clear()
