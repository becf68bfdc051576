"""Everything that the SDK reaches of the host: the same names and answers as the other folders beside this one."""

from typing import Any, Callable

import stepcell
from stepcell import Child, Context, Failure, Outcome, fetch, key_value, secrets

stepcell.flow(
    {
        "flow": "carried-python",
        "step": [
            {
                "name": "books",
                "handler": "books",
                "grants": {"fetch": ["127.0.0.1"], "key_value": True, "secrets": [{"name": "API_KEY", "to": ["127.0.0.1"]}]},
            }
        ],
    }
)


@stepcell.handler
def fetches(input: dict[str, Any]) -> dict[str, Any]:
    """Sends a request and answers what came back."""
    try:
        answer = fetch.request(
            input["method"], input["url"], headers=[input["header"]], body=input["body"], timeout_ms=input.get("timeout_ms")
        )
    except stepcell.Error as error:
        raise stepcell.DependencyError(error.message) from None
    return {"status": answer.status, "type": answer.header("content-type"), "body": answer.text()}


@stepcell.handler
def reveals(input: dict[str, str]) -> dict[str, Any]:
    """Sends a secret that it never sees."""
    answer = fetch.get(input["url"], headers={"authorization": f"Bearer {secrets.placeholder(input['secret'])}"})
    return {"status": answer.status, "names": secrets.names()}


@stepcell.handler
def keeps(input: dict[str, str]) -> dict[str, Any]:
    """Does with a key all that can be done."""
    key = input["key"]
    before = text(key_value.get_bytes(key))
    key_value.set_bytes(key, b"one")
    swapped = [key_value.compare_and_set(key, b"one", value) for value in (b"two", b"three")]
    value = text(key_value.get_bytes(key))
    keys = key_value.list_keys(key)
    deleted = key_value.delete(key)
    after = text(key_value.get_bytes(key))
    return {"before": before, "swapped": swapped, "value": value, "keys": keys, "deleted": deleted, "after": after}


def text(found: bytes | None) -> str | None:
    """Bytes of a key as text."""
    return None if found is None else found.decode()


@stepcell.handler
def exceeds(input: dict[str, str]) -> dict[str, str]:
    """Does more than an attempt may and answers what it is told."""
    return {"value": told(lambda: key_value.set_bytes("much", bytes(256 * 1024 + 1))), "request": told(lambda: endless(input["url"]))}


def endless(url: str) -> None:
    """Never ends by itself."""
    while True:
        fetch.get(url)


def told(call: Callable[[], None]) -> str:
    """Why a call was refused."""
    try:
        call()
    except stepcell.Error as error:
        return error.message
    return "nothing"


@stepcell.handler
def spawns(context: Context) -> Outcome | list[dict[str, Any]]:
    """Has children and answers how they ended."""
    if context.phase == "":
        return stepcell.spawn([Child("child", 1, "a"), Child("child", 2, "b")], "joined", {"n": 2})
    ended = [{"key": child.key, "status": child.status, "output": child.output} for child in context.children]
    return sorted(ended, key=lambda child: child["key"])


@stepcell.handler
def skips() -> Outcome:
    """Has nothing to do."""
    return stepcell.skip("nothing to do")


@stepcell.handler
def nexts(context: Context) -> Outcome | int:
    """Goes through three phases."""
    if context.phase == "":
        return stepcell.next("two", 1)
    return stepcell.next("three", context.state + 1) if context.phase == "two" else context.state + 1


@stepcell.handler
def retries(context: Context) -> Outcome | dict[str, Any]:
    """Asks for a second attempt, once."""
    if context.attempt == 1:
        return stepcell.retry(state={"tries": 1}, after_ms=10)
    return {"attempt": context.attempt, "state": context.state}


@stepcell.handler
def gives_up() -> Outcome:
    """Fails for good."""
    return stepcell.fail(stepcell.ValidationError("it gives up", details={"why": "no"}))


@stepcell.handler
def breaks() -> None:
    """Fails, and is mended."""
    raise Exception("broken")


@stepcell.handler
def books(input: dict[str, str]) -> dict[str, str]:
    """Does what can be undone."""
    return {"seat": input["seat"]}


@stepcell.on_error("breaks")
def mends(failure: Failure) -> Outcome:
    """What follows a failure: of the other handlers' it stays as it is."""
    return stepcell.complete(f"mended: {failure.kind}: {failure.message}")


@stepcell.compensate("books")
def gives_back(output: dict[str, str]) -> None:
    """Undoes what a task did."""
    print("gave back", output["seat"])
