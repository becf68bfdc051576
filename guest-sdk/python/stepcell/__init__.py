"""Stepcell for Python: a decorated function with type hints is a handler.

    import stepcell

    @stepcell.handler
    def hello(name: str) -> str:
        return f"hello {name}"

A component may carry a flow, which is registered with its upload: `stepcell.flow({"flow": "hi", "step": [{"name": "hello"}]})`.
`stepcell.fetch`, `stepcell.key_value` and `stepcell.secrets` are modules to be imported by those who use them: a component that
imports one asks for the capability. Outside of a component `stepcell.testing` is the host.
"""

from ._context import Context, EndedChild, Failure, Signal
from ._errors import ConfigurationError, DependencyError, Error, ExecutionError, ValidationError
from ._fit import fit
from ._flow import Flow, FlowBuiltin, FlowGrants, FlowPolicy, FlowRate, FlowSettings, FlowStep, JsonSchema
from ._outcomes import Child, Outcome, await_signals, complete, fail, next, retry, skip, sleep, spawn
from ._registry import compensate, flow, handler, on_error

__all__ = [
    "Child",
    "ConfigurationError",
    "Context",
    "DependencyError",
    "EndedChild",
    "Error",
    "ExecutionError",
    "Failure",
    "Flow",
    "FlowBuiltin",
    "FlowGrants",
    "FlowPolicy",
    "FlowRate",
    "FlowSettings",
    "FlowStep",
    "JsonSchema",
    "Outcome",
    "Signal",
    "ValidationError",
    "await_signals",
    "compensate",
    "complete",
    "fail",
    "fit",
    "flow",
    "handler",
    "next",
    "on_error",
    "retry",
    "skip",
    "sleep",
    "spawn",
]
