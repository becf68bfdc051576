"""The host as a test outside of a component sees it: what the context answers is set here, what was logged is read here.

    from stepcell import testing
    import handler

    def test_an_empty_order_is_refused():
        with pytest.raises(stepcell.ValidationError):
            testing.call("price", {"id": "A-1", "items": []})
"""

import dataclasses
import enum
import types
from typing import Any, Callable, TypedDict, Unpack

from . import _registry
from ._context import Context
from ._host import host
from ._json import Writable, read, write
from ._outcomes import Outcome


class Task(TypedDict, total=False):
    """What a test may say of its attempt."""

    tenant: str
    run_id: str
    flow: str
    flow_version: int
    step: str
    handler: str
    index: int
    attempt: int
    max_attempts: int
    phase: str
    idempotency_key: str
    traceparent: str | None


@dataclasses.dataclass
class Request:
    """A request that a handler sends."""

    method: str
    url: str
    headers: list[tuple[str, str]]
    body: bytes | None
    timeout_ms: int | None


TASK: Task = {
    "tenant": "default",
    "run_id": "01900000-0000-7000-8000-000000000000",
    "flow": "flow",
    "flow_version": 1,
    "step": "step",
    "handler": "",
    "index": 0,
    "attempt": 1,
    "max_attempts": 3,
    "phase": "",
    "idempotency_key": "01900000-0000-7000-8000-000000000000/step/0/0",
    "traceparent": None,
}

log: list[tuple[str, str, Any]] = []
"""What was logged through `logging` and `print` in a component; in a test they do what they always do."""


def reset(
    *,
    state: Writable = None,
    flow_input: Writable = None,
    signals: list[tuple[str, Any]] | None = None,
    **task: Unpack[Task],
) -> Context:
    """Begins an attempt: the first one of a step named `step`, unless `task` says otherwise. `signals` are awaited and in the inbox."""
    inbox = [
        types.SimpleNamespace(id=at, name=name, payload=write(payload, "the payload"))
        for at, (name, payload) in enumerate(signals or [], 1)
    ]
    host.context = types.SimpleNamespace(
        task=lambda: types.SimpleNamespace(**{**TASK, **task}),
        flow_input=lambda: write(flow_input, "the flow's input"),
        state=lambda: None if state is None else write(state, "the state"),
        awaited=lambda: inbox,
        inbox=lambda: inbox,
        children=lambda: [],
        cancelled=lambda: False,
        remaining_ms=lambda: 30_000,
    )
    levels = enum.Enum("levels", ["TRACE", "DEBUG", "INFO", "WARN", "ERROR"])
    host.log = types.SimpleNamespace(Level=levels, write=lambda level, *rest: log.append((level.name, *rest)))
    host.key_value = _Values()
    host.secrets = types.SimpleNamespace(names=lambda: [], placeholder=lambda name: f"{{{{secret:{name}}}}}")
    return Context()


def on_fetch(answer: Callable[[Request], tuple[int, list[tuple[str, str]], bytes]]) -> None:
    """Answers requests from now on: by status, headers and body."""

    def send(request: Request) -> Any:
        status, headers, body = answer(request)
        return types.SimpleNamespace(status=status, headers=headers, body=body)

    host.fetch = types.SimpleNamespace(Request=Request, send=send)


def call(name: str, input: Writable, context: Context | None = None) -> Any:
    """Calls a handler as the host does: with JSON in and JSON out. An outcome is answered as it is."""
    given = read(write(input, "the input"))
    function = _registry.find(name)[1]
    answer = function.call(context or reset(handler=name), lambda: ("the flow's input", given))
    return answer if isinstance(answer, Outcome) else read(write(answer, f"what handler `{name}` returned"))


class _Values:
    """Values of a test."""

    def __init__(self) -> None:
        self.values: dict[str, bytes] = {}

    def get(self, key: str) -> bytes | None:
        return self.values.get(key)

    def set(self, key: str, value: bytes) -> None:
        self.values[key] = value

    def compare_and_set(self, key: str, expected: bytes | None, value: bytes) -> bool:
        if self.values.get(key) != expected:
            return False
        self.values[key] = value
        return True

    def delete(self, key: str) -> bool:
        return self.values.pop(key, None) is not None

    def list_keys(self, prefix: str, after: str | None, limit: int) -> list[str]:
        found = sorted(key for key in self.values if key.startswith(prefix) and (after is None or key > after))
        return found[:limit]


__all__ = ["Request", "Task", "call", "log", "on_fetch", "reset"]
