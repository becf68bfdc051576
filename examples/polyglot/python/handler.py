"""What was asked for, what came of it and how much was sent: the statistics module does the figures."""

import collections
import dataclasses
import statistics

import stepcell

MOST = 10  # rows of a table


@dataclasses.dataclass
class Request:
    """What is read of a request."""

    path: str
    status: int
    bytes: int


@dataclasses.dataclass
class Hour:
    """The requests of an hour."""

    requests: list[Request]
    unreadable: int


@dataclasses.dataclass
class Page:
    """Something that was sent whole: how often, and how many bytes it had."""

    path: str
    requests: int
    median: float
    p95: float
    sent: int


@dataclasses.dataclass
class Failing:
    """Something that the server failed to send."""

    path: str
    failed: int
    asked: int


@dataclasses.dataclass
class Traffic:
    """The figures of the whole log."""

    requests: int
    sent: int
    unreadable: int
    answers: dict[str, int]
    pages: list[Page]
    failing: list[Failing]


@stepcell.handler
def traffic(deps: dict[str, list[Hour]]) -> Traffic:
    """Sums up every hour."""
    hours = deps["parse"]
    requests = [request for hour in hours for request in hour.requests]
    answers = collections.Counter(f"{request.status // 100}xx" for request in requests)
    sizes = collections.defaultdict(list)
    for request in requests:
        if request.status == 200:
            sizes[request.path].append(request.bytes)
    pages = sorted((page(path, sent) for path, sent in sizes.items()), key=lambda page: (-page.sent, page.path))
    asked = collections.Counter(request.path for request in requests)
    failed = collections.Counter(request.path for request in requests if request.status >= 500)
    return Traffic(
        requests=len(requests),
        sent=sum(request.bytes for request in requests),
        unreadable=sum(hour.unreadable for hour in hours),
        answers=dict(sorted(answers.items())),
        pages=pages[:MOST],
        failing=[Failing(path, count, asked[path]) for path, count in failed.most_common(MOST)],
    )


def page(path: str, sizes: list[int]) -> Page:
    """The figures of what was sent for one path."""
    # A quantile needs two values.
    twentieths = statistics.quantiles(sizes * 2 if len(sizes) == 1 else sizes, n=20, method="inclusive")
    return Page(path, len(sizes), statistics.median(sizes), twentieths[-1], sum(sizes))
