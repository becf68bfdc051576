"""The attempt's log: `print`, `sys.stderr` and `logging` end in it; what top-level code says, nobody reads."""

import io
import json
import logging
import sys
import time
import types
from typing import Any

from ._host import bound, host
from ._outcomes import clean

OWN = set(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


def install(write_time: bool) -> None:
    """Sends everything there. Without a clock of the host, records have no time of their own: the host's log has one.

    It is called before top-level code, without a clock, and again after it, which may have changed where records go."""
    sys.stdout, sys.stderr = STREAMS
    root = logging.getLogger()
    root.handlers[:] = [HANDLER]
    if root.level != 1:
        root.setLevel(1)
    logging.lastResort = None
    logging.time = time if write_time else NO_TIME  # type: ignore[attr-defined]


def finish() -> None:
    """Writes what was printed without an end of line: called when the handler ended."""
    for stream in STREAMS:
        stream.finish()


def put(level: str, message: str, fields: dict[str, Any] | None = None) -> None:
    """Writes one record; what of its fields has no JSON is written as text."""
    log = bound().log
    log.write(log.Level[level], clean(message), json.dumps(fields, default=str) if fields else None)


class Lines(io.TextIOBase):
    """A stream whose lines are records."""

    def __init__(self, level: str) -> None:
        self.level = level
        self.held = ""

    encoding = "utf-8"

    def writable(self) -> bool:
        """It is."""
        return True

    def write(self, text: str) -> int:
        """Writes the lines that are complete."""
        if host.is_absent:
            return len(text)
        *lines, self.held = (self.held + text).split("\n")
        for line in lines:
            put(self.level, line)
        return len(text)

    def finish(self) -> None:
        """Writes what has no end of line."""
        if self.held:
            held, self.held = self.held, ""
            put(self.level, held)


class Handler(logging.Handler):
    """`logging`'s records with their level, their `extra` as fields."""

    def emit(self, record: logging.LogRecord) -> None:
        """Writes one."""
        if host.is_absent:
            return
        fields = {name: value for name, value in vars(record).items() if name not in OWN}
        if record.exc_info:
            fields["exception"] = logging.Formatter().formatException(record.exc_info)
        if record.name != "root":
            fields["logger"] = record.name
        put(_level(record.levelno), record.getMessage(), fields)


def _level(number: int) -> str:
    for least, name in ((logging.ERROR, "ERROR"), (logging.WARNING, "WARN"), (logging.INFO, "INFO"), (logging.DEBUG, "DEBUG")):
        if number >= least:
            return name
    return "TRACE"


STREAMS = (Lines("INFO"), Lines("WARN"))
HANDLER = Handler()
# What `logging` asks of `time`.
NO_TIME = types.SimpleNamespace(time=lambda: 0.0, time_ns=lambda: 0, strftime=lambda *given: time.strftime(*given))
