"""The host as the SDK's modules reach it: bound by a component's entry, in a test by `stepcell.testing`."""

from typing import Any


class Host:
    """The interfaces of the host that a component was built with."""

    context: Any = None
    log: Any = None
    system: Any = None
    fetch: Any = None
    key_value: Any = None
    secrets: Any = None
    is_component: bool = False
    is_called: bool = False

    @property
    def is_absent(self) -> bool:
        """Top-level code runs, which has no host."""
        return self.is_component and not self.is_called


host = Host()


def interface(name: str, what: str) -> Any:
    """An interface of the host, which must be there, in a handler that is being called."""
    if host.is_absent:
        raise RuntimeError(f"{what} in top-level code, which runs once while the component is built; move it into a handler")
    found = getattr(host, name)
    if found is None:
        from ._errors import ConfigurationError

        raise ConfigurationError(f"{what}, but the component was built without `{name}`: import it by its name in a module of the project")
    return found


def bound() -> Host:
    """The host; that of `stepcell.testing` where nothing else is."""
    if host.context is None:
        from . import testing

        testing.reset()
    return host
