"""What a source can import: modules that ask nothing of the system, imported when the runtime is built."""

import importlib
import sys
from typing import Any

from ._scan import USELESS

# Modules of Python. Those that have no use in a component (`socket`, `threading` beyond its locks, ...) are not among them.
PYTHON = set(
    """
    __future__ abc annotationlib array ast base64 binascii bisect builtins calendar cmath codecs collections collections.abc
    colorsys configparser contextlib contextvars copy csv dataclasses datetime decimal difflib enum errno fnmatch fractions
    functools gc graphlib gzip hashlib heapq hmac html html.entities html.parser http importlib inspect io ipaddress itertools
    json keyword locale logging math numbers operator os os.path pathlib pickle posixpath pprint queue quopri random re reprlib
    secrets shlex statistics string string.templatelib stringprep struct sys textwrap threading time token tokenize tomllib
    traceback types typing unicodedata urllib urllib.error urllib.parse uuid warnings weakref xml xml.dom xml.dom.minidom
    xml.etree xml.etree.ElementTree zipfile zlib
    """.split()
)
# What these import when it is asked for.
LATE = {"encodings.idna", "xml.dom.expatbuilder"}
SDK = {"stepcell", "stepcell.fetch", "stepcell.key_value", "stepcell.secrets", "stepcell.testing"}


def preload() -> None:
    """Imports them all."""
    for name in sorted(PYTHON | LATE | SDK):
        importlib.import_module(name)


def seal() -> None:
    """Says of every other module that it is not there. After `_sealed.seal`."""
    sys.meta_path[-1] = _Missing


def why_missing(name: str) -> str:
    """What is to be done about a module that a source cannot import."""
    if name in USELESS:
        return f"`{name}` cannot be imported: {USELESS[name]}"
    return (
        f"`{name}` cannot be imported: a source without a project has the SDK and the modules of Python that the runtime carries; "
        "`stepcell new --lang python` makes a project, which can have packages and modules of its own"
    )


class _Missing:
    """The last finder."""

    @staticmethod
    def find_spec(name: str, *_: Any) -> None:
        """Finds nothing."""
        raise ModuleNotFoundError(why_missing(name), name=name)
