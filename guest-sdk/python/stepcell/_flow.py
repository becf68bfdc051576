"""Types of a flow that a component carries: what `flow.toml` would say. The host refuses members that are not here."""

from typing import Any, Literal, NotRequired, Required, TypeAlias, TypedDict

FlowPolicy: TypeAlias = Literal["fail", "skip", "skip_cascade"]
Method: TypeAlias = Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
# A JSON Schema.
JsonSchema: TypeAlias = bool | dict[str, Any]


class Backoff(TypedDict, total=False):
    """How long to wait before another attempt: durations are texts like `"5s"`, `jitter` is from 0 to 1."""

    strategy: Literal["fixed", "linear", "exponential"]
    base: str
    factor: float
    max: str
    jitter: float


class FlowSettings(TypedDict, total=False):
    """What a step and the flow's `defaults` may say. `timeout` is of one attempt, `max_retries` one less than `max_attempts`."""

    component: str
    timeout: str
    max_attempts: int
    max_retries: int
    backoff: Backoff
    memory: str
    fuel: int
    output: str
    log: str
    on_exhausted: FlowPolicy


class SecretGrant(TypedDict):
    """A secret and the hosts it may go to."""

    name: str
    to: NotRequired[list[str]]


class FlowGrants(TypedDict, total=False):
    """What a step may reach: `{"fetch": ["api.example.com"], "key_value": True}`."""

    fetch: list[str]
    key_value: bool | Literal["read"]
    secrets: list[str | SecretGrant]
    scratch: bool | str


class Concurrency(TypedDict):
    """At most so many attempts with the same key at a time; one where `limit` is left out."""

    key: str
    limit: NotRequired[int]


class RateUse(TypedDict):
    """The rate that an attempt takes from."""

    name: str
    key: NotRequired[str]
    weight: NotRequired[int]


class Http(TypedDict):
    """A call made of templates."""

    url: str
    method: NotRequired[Method]
    headers: NotRequired[dict[str, str]]
    body: NotRequired[Any]


class FlowBuiltin(TypedDict, total=False):
    """What a step does that calls no component: one of these."""

    wait: str
    set: Any
    inject: Any
    http: Http


class FlowStep(FlowSettings, total=False):
    """A step of a flow. It calls this component unless it names another one or something built in."""

    name: Required[str]
    handler: str
    builtin: FlowBuiltin
    grants: FlowGrants
    needs: list[str]
    map: bool
    start_delay: str
    concurrency: str | Concurrency
    rate_limit: str | RateUse
    when: Any
    unless: Any
    when_skipped: list[str]
    on_unmet: FlowPolicy
    abandon_children: bool
    input_schema: JsonSchema
    output_schema: JsonSchema


class FlowRate(TypedDict):
    """A rate: so many in a period, `burst` at once."""

    name: str
    limit: int
    period: str
    burst: NotRequired[int]


class Flow(TypedDict, total=False):
    """A flow: its steps, or a `chain` of handlers that follow each other."""

    flow: Required[str]
    description: str
    input_schema: JsonSchema
    deadline: str
    defaults: FlowSettings
    rate_limit: list[FlowRate]
    chain: list[str]
    step: list[FlowStep]
