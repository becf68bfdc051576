"""Secrets, which a handler uses and never sees: `grants = { fetch = ["api.example.com"], secrets = ["API_KEY"] }`.

The host puts the value in the placeholder's place in the headers of a request, toward the hosts the secret is granted for."""

from typing import Any

from ._errors import ConfigurationError
from ._host import bound, interface
from ._outcomes import clean


def names() -> list[str]:
    """The names the step was granted."""
    return list(_wire().names())


def placeholder(name: str) -> str:
    """What stands for a secret in the headers of this attempt's requests."""
    wire = _wire()
    try:
        return str(wire.placeholder(clean(name)))
    except Exception as error:
        fault: Any = getattr(error, "value", None)
        if type(fault).__name__ != "SecretError_Denied":
            raise
        raise ConfigurationError(str(fault.value)) from None


def _wire() -> Any:
    bound()
    return interface("secrets", "secrets are asked for")
