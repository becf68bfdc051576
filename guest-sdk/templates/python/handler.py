"""{{name}}: prices an order. A flow names a handler by its function: `handler = "price"`."""

import dataclasses
import logging

import stepcell
from stepcell import Context, Outcome

log = logging.getLogger(__name__)


@dataclasses.dataclass
class Item:
    """A line of an order."""

    name: str
    cents: int
    count: int = 1


@dataclasses.dataclass
class Order:
    """What the flow is started with."""

    id: str
    items: list[Item]


@dataclasses.dataclass
class Price:
    """What an order costs."""

    id: str
    cents: int


@stepcell.handler
def price(order: Order) -> Price:
    """Adds up an order."""
    if not order.items:
        raise stepcell.ValidationError("`items` is empty", details={"field": "items"})
    cents = sum(item.cents * item.count for item in order.items)
    log.info("priced", extra={"order": order.id, "cents": cents})
    return Price(order.id, cents)


@stepcell.handler
def remind(order: Order, context: Context) -> str | Outcome:
    """Answers a reminder a second later: while it sleeps, nothing is held."""
    if context.phase == "awake":
        return f"order {context.state['id']} is still open"
    return stepcell.sleep(1000, "awake", {"id": order.id})
