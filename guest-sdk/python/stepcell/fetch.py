"""Requests over HTTP, to hosts that the step is granted: `grants = { fetch = ["api.example.com"] }`.

    from stepcell import fetch

    price = fetch.get("https://api.example.com/prices/tea").ok().json()

An attempt sends at most 50 requests, one after the other, of at most 4 MiB each way. Redirects are answers."""

import dataclasses
from types import EllipsisType
from typing import Any, Iterable, Mapping, TypeAlias

from ._errors import ConfigurationError, DependencyError, Error, ExecutionError, ValidationError
from ._host import bound, interface
from ._json import Writable, read, write
from ._outcomes import clean, whole_ms

Headers: TypeAlias = Mapping[str, str] | Iterable[tuple[str, str]]


@dataclasses.dataclass(frozen=True)
class Response:
    """What came back. Headers are in the order they came, their names in lower case."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    @property
    def is_success(self) -> bool:
        """Whether the status is one of success."""
        return 200 <= self.status < 300

    def header(self, name: str) -> str | None:
        """The value of a header, the first where there are several."""
        return next((value for known, value in self.headers if known == name.lower()), None)

    def ok(self) -> "Response":
        """The answer, where its status is one of success. Else raises an error of the dependency, which is tried again after 500
        and above, 408, 425 and 429, when `retry-after` says so."""
        if self.is_success:
            return self
        may_help = self.status >= 500 or self.status in (408, 425, 429)
        after = (self.header("retry-after") or "").strip()
        raise DependencyError(
            f"the other side answered {self.status}",
            retry=None if may_help else False,
            retry_after_ms=int(after) * 1000 if may_help and after.isdecimal() else None,
        )

    def text(self) -> str:
        """The body as text."""
        return self.body.decode()

    def json(self) -> Any:
        """The body as JSON."""
        try:
            return read(self.body)
        except ValueError as error:
            raise ExecutionError(f"the answer is no JSON: {error}") from None


def request(
    method: str,
    url: str,
    *,
    headers: Headers | None = None,
    body: bytes | str | None = None,
    json: Writable | EllipsisType = ...,
    timeout_ms: float | None = None,
) -> Response:
    """Sends a request and waits for the whole answer. Values of headers may have placeholders of secrets; pairs may name one twice."""
    pairs = headers.items() if isinstance(headers, Mapping) else headers or ()
    sent = [(clean(str(name)), clean(str(value))) for name, value in pairs]
    if not isinstance(json, EllipsisType):
        body = write(json, "the request's body")
        if not any(name.lower() == "content-type" for name, _ in sent):
            sent.append(("content-type", "application/json"))
    bound()
    wire = interface("fetch", "a request is sent")
    data = body.encode() if isinstance(body, str) else body
    try:
        answer = wire.send(wire.Request(method.upper(), clean(url), sent, data, whole_ms(timeout_ms)))
    except Exception as error:
        raise _explain(error) from None
    return Response(answer.status, [(name, value) for name, value in answer.headers], bytes(answer.body))


def get(url: str, *, headers: Headers | None = None, timeout_ms: float | None = None) -> Response:
    """Sends a GET."""
    return request("GET", url, headers=headers, timeout_ms=timeout_ms)


def post(
    url: str,
    *,
    headers: Headers | None = None,
    body: bytes | str | None = None,
    json: Writable | EllipsisType = ...,
    timeout_ms: float | None = None,
) -> Response:
    """Sends a POST."""
    return request("POST", url, headers=headers, body=body, json=json, timeout_ms=timeout_ms)


def _explain(error: Exception) -> Exception:
    """Why nothing came back, and whether another try may help."""
    fault = getattr(error, "value", None)
    name, value = type(fault).__name__.removeprefix("FetchError_"), getattr(fault, "value", None)
    known: dict[str, Error] = {
        "Invalid": ValidationError(str(value)),
        "Denied": ConfigurationError(str(value)),
        "RefusedAddress": ConfigurationError(str(value)),
        "Dns": DependencyError(str(value)),
        "Connect": DependencyError(str(value)),
        "Tls": DependencyError(str(value)),
        "Timeout": DependencyError("the request took too long"),
        "TooLarge": ExecutionError(f"a body has more than {value} bytes", retry=False),
        "TooMany": ExecutionError(f"an attempt sends at most {value} requests", retry=False),
        "LostClaim": DependencyError("another worker has the task now"),
        "Other": DependencyError(str(value)),
    }
    if name == "DependencyUnavailable":
        return DependencyError(
            f"requests are held back after failures in a row; the next one in {value} ms", retry_after_ms=value
        )
    return known.get(name) or error
