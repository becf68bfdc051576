"""Closes the interpreter before its state is kept: in a component there are no files, and looking for one would trap."""

import builtins
import errno
import gc
import importlib
import importlib.machinery
import io
import linecache
import os
import pathlib
import re
import sys
from typing import Any

ENCODINGS = "ascii base64_codec cp1252 hex_codec iso8859_15 latin_1 punycode unicode_escape utf_16 utf_16_be utf_16_le utf_32 utf_8_sig".split()
# What Python itself imports when it is asked for: `strptime` of `datetime` and `time`, `Counter.most_common`, and encodings.
LATE = ["_strptime", "heapq", *(f"encodings.{name}" for name in ENCODINGS)]
LATE_IMPORT = re.compile(r"^[ \t]+(?:from[ \t]+([\w.]+)[ \t]+import|import[ \t]+([\w., \t]+))", re.MULTILINE)
# Sizes of what is free: of the C library's blocks, and of Python's own classes for small objects. How much of each is filled is
# a trade: what exceeds the free memory makes the component's memory grow.
LARGE = (1 << 18, 1 << 16, 1 << 14, 1 << 12, 1 << 11, 1 << 10, 768, 600, 528)
LARGE_BYTES = 750_000
SMALL = range(24, 513, 8)
SMALL_BYTES = 300_000
BYTES_HEADER = sys.getsizeof(b"")
# An attempt's pages are copied for it when it writes to them: what is free is in few places, or it stays taken for good. In bytes,
# the least that is a place.
LARGE_PLACE = 1 << 13
SMALL_PLACE = 1 << 11
FILE_CALLS = (
    "access chdir chmod getcwd link listdir lstat mkdir open readlink remove rename replace rmdir scandir stat statvfs symlink"
    " truncate unlink utime"
).split()


def preload(folder: pathlib.Path) -> None:
    """Imports what the project's modules import inside of functions; what is not there fails when it is asked for."""
    for name in LATE:
        importlib.import_module(name)
    for module in list(sys.modules.values()):
        file = getattr(module, "__file__", None) or ""
        if not file.endswith(".py") or folder not in pathlib.Path(file).parents or module.__name__.startswith("stepcell"):
            continue
        for origin, names in LATE_IMPORT.findall(pathlib.Path(file).read_text("utf-8", "replace")):
            for name in [origin] if origin else re.findall(r"[\w.]+(?=[ \t]*(?:,|$|[ \t]as[ \t]))", names):
                try:
                    importlib.import_module(name)
                except ImportError:
                    pass


def seal() -> None:
    """Makes every way to a file an `OSError`, and a module that was not imported yet a `ModuleNotFoundError`."""
    linecache.checkcache = lambda *_: None
    linecache.updatecache = lambda *_, **__: []
    linecache.lazycache = lambda *_: False
    linecache.getlines = lambda *_, **__: []
    for module in (builtins, io):
        setattr(module, "open", _no_file)
    for name in FILE_CALLS:
        if hasattr(os, name):
            setattr(os, name, _no_file)
    if "socket" in sys.modules:
        for name in ("socket", "create_connection", "create_server", "getaddrinfo", "gethostbyname", "gethostname"):
            setattr(sys.modules["socket"], name, _no_socket)
    sys.meta_path[:] = [importlib.machinery.BuiltinImporter, importlib.machinery.FrozenImporter, _Late]


def wipe() -> None:
    """Fills free memory with zeros, which a component does not carry, takes what of it lies scattered, and keeps the collector from
    what is there for good."""
    gc.collect()
    for size in LARGE:
        _fill(size, max(8, LARGE_BYTES // size), LARGE_PLACE)
    for size in SMALL:
        _fill(size, SMALL_BYTES // size, SMALL_PLACE)
    gc.collect()
    gc.freeze()


_taken: list[list[bytes]] = []


def _fill(size: int, count: int, place: int) -> None:
    """Fills so many pieces of free memory; those that are no place of at least so many bytes together stay taken."""
    held = sorted((bytes(size - BYTES_HEADER) for _ in range(count)), key=id)
    begin = 0
    for at in range(1, count + 1):
        if at == count or id(held[at]) - id(held[at - 1]) > size + 16:
            if (at - begin) * size < place:
                _taken.append(held[begin:at])
            begin = at


def _no_file(*given: Any, **_: Any) -> Any:
    raise OSError(errno.ENOSYS, "a component has no files", *[str(path) for path in given[:1]])


def _no_socket(*_: Any, **__: Any) -> Any:
    raise OSError(errno.ENOSYS, "a component has no sockets; use `stepcell.fetch`")


class _Late:
    """The last finder."""

    @staticmethod
    def find_spec(name: str, *_: Any) -> None:
        """Finds nothing."""
        raise ModuleNotFoundError(
            f"`{name}` was not imported when the component was built; import it at the top of a module of the project, and name its"
            " package in requirements.txt where it comes with one",
            name=name,
        )
