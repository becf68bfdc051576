"""What the types of the SDK take and what they refuse: it stands in the place of a new project's handler, and `mypy --strict` must
find nothing. Whatever has a `type: ignore` is refused; where it is not, that comment is an error. It is read, never run."""

import dataclasses
import enum
from typing import Iterator, Literal, Sequence, TypedDict, assert_type

import stepcell
from stepcell import Child, Context, EndedChild, Failure, Outcome, Signal, fetch, key_value, secrets, testing


@dataclasses.dataclass
class Order:
    """What the flow is started with."""

    id: str
    items: list[int]


class Price(TypedDict):
    """What an order costs."""

    cents: int


class Color(enum.Enum):
    """What a cup may be."""

    RED = "red"


# A flow: each member is known.
settings: stepcell.Flow = {"flow": "order", "chain": ["price", "remind"], "defaults": {"timeout": "5s", "backoff": {"base": "1s"}}}
stepcell.flow(settings)
stepcell.flow(
    {
        "flow": "order",
        "rate_limit": [{"name": "api", "limit": 10, "period": "1s"}],
        "step": [
            {"name": "price", "handler": "price", "grants": {"fetch": ["api.example.com"], "secrets": ["API_KEY"]}},
            {"name": "wait", "builtin": {"wait": "PT2S"}, "needs": ["price"], "when": {"price": {"cents": 1}}, "on_unmet": "skip"},
        ],
    }
)
stepcell.flow({"flow": "order", "steps": []})  # type: ignore[typeddict-unknown-key]
stepcell.flow({"flow": "order", "step": [{"name": "price", "handlers": "price"}]})  # type: ignore[typeddict-unknown-key]
stepcell.flow({"flow": "order", "step": [{"name": "price", "timeout": 5}]})  # type: ignore[typeddict-item]


# Handlers: a decorated function stays what it is; what it answers can be written as JSON, or is an outcome.
@stepcell.handler
def price(order: Order) -> Price:
    return {"cents": sum(order.items)}


@stepcell.handler("remind-me")
def remind(order: Order, context: Context) -> tuple[str, Color] | None | Outcome:
    return stepcell.sleep(1000, "awake", order) if context.phase == "" else None


assert_type(price(Order("A-1", [])), Price)
price("A-1")  # type: ignore[arg-type]


@stepcell.handler
def in_order(order: Order) -> Sequence[int]:
    return order.items


@stepcell.handler  # type: ignore[type-var]
def answers_a_set() -> set[int]:
    return {1}


@stepcell.handler  # type: ignore[type-var]
def answers_one_by_one() -> Iterator[int]:
    yield 1


@stepcell.handler  # type: ignore[type-var]
async def waits() -> int:
    return 1


@stepcell.on_error("price")
def mends(order: Order, failure: Failure, context: Context) -> Outcome | None:
    return stepcell.retry(after_ms=10) if failure.kind == "timeout" and not context.is_last_attempt else None


@stepcell.on_error  # type: ignore[type-var]
def answers_text(failure: Failure) -> str:
    return failure.message


@stepcell.compensate("price")
def gives_back(order: Order, output: Price) -> bool:
    print("gave back", order.id, output["cents"])
    return True


def asks(context: Context) -> None:
    """The attempt."""
    assert_type(context.awaited, list[Signal])
    assert_type(context.children, list[EndedChild])
    assert_type(stepcell.fit(context.state, Order), Order)
    assert_type(stepcell.fit(context.flow_input, list[Order]), list[Order])
    assert_type((context.attempt, context.traceparent, context.cancelled()), tuple[int, str | None, bool])
    context.run  # type: ignore[attr-defined]
    context.children[0].status == "done"  # type: ignore[comparison-overlap]


def outcomes(order: Order) -> list[Outcome]:
    """What may follow."""
    stepcell.sleep("1s", "awake")  # type: ignore[arg-type]
    stepcell.sleep(1000)  # type: ignore[call-arg]
    stepcell.await_signals("approved", "decided", timeout=1000)  # type: ignore[call-arg]
    stepcell.spawn([{"flow": "pay"}], "paid")  # type: ignore[list-item]
    stepcell.next("two", {1, 2})  # type: ignore[arg-type]
    stepcell.complete(object())  # type: ignore[arg-type]
    waits = stepcell.await_signals(["approved", "refused"], "decided", order, timeout_ms=1000)
    spawns = stepcell.spawn((Child("pay", item, key=str(item)) for item in order.items), "paid", {"order": order})
    failed = stepcell.fail(stepcell.ValidationError("no items", details={"field": "items"}))
    return [stepcell.complete(order), stepcell.next("two"), stepcell.retry(state=None), stepcell.skip("no items"), waits, spawns, failed]


def errors(error: stepcell.Error) -> stepcell.Error:
    """Why there is no answer."""
    stepcell.ValidationError("no items", detail=1)  # type: ignore[call-arg]
    assert_type(error.kind, Literal["validation", "execution", "configuration", "dependency"])
    return stepcell.DependencyError("not there yet", retry_after_ms=1000)


def reaches(order: Order) -> None:
    """Beyond computing."""
    headers = {"authorization": f"Bearer {secrets.placeholder('API_KEY')}"}
    answer = fetch.post("https://api.example.com/prices", headers=headers, json=order, timeout_ms=1000).ok()
    assert_type((answer.status, answer.header("etag"), answer.text()), tuple[int, str | None, str])
    fetch.get("https://api.example.com", timeout=1000)  # type: ignore[call-arg]
    fetch.get("https://api.example.com", body=b"")  # type: ignore[call-arg]
    key_value.set("order", order)
    key_value.set("set", {1})  # type: ignore[arg-type]
    assert_type((key_value.get_bytes("bytes"), key_value.delete("bytes")), tuple[bytes | None, bool])
    testing.on_fetch(lambda request: (200, request.headers, request.body or b""))
    testing.call("price", order, testing.reset(attempt=2, signals=[("approved", True)]))
    testing.reset(attempts=2)  # type: ignore[call-arg]
