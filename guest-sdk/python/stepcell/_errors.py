"""What a handler says when it cannot answer."""

from typing import Any, ClassVar, Literal, TypeAlias

Kind: TypeAlias = Literal["validation", "execution", "configuration", "dependency"]


class Error(Exception):
    """Why a handler could not answer, and whether another try makes sense. Any other exception is a failed execution."""

    kind: ClassVar[Kind] = "execution"

    def __init__(
        self,
        message: str,
        *,
        details: Any = None,
        retry: bool | None = None,
        retry_after_ms: float | None = None,
    ) -> None:
        """`retry` and `retry_after_ms` decide about another try in place of the kind and of the step's backoff."""
        super().__init__(message)
        self.message = message
        self.details = details
        self.retry = retry
        self.retry_after_ms = retry_after_ms


class ValidationError(Error):
    """The input is wrong. Not tried again unless `retry` says so."""

    kind = "validation"


class ExecutionError(Error):
    """The work failed. Tried again."""

    kind = "execution"


class ConfigurationError(Error):
    """The handler is set up wrongly. Not tried again unless `retry` says so."""

    kind = "configuration"


class DependencyError(Error):
    """Something the handler needs is not there right now. Tried again."""

    kind = "dependency"
