"""What the engine counts, offered to Prometheus by `GET /metrics`.

Labels never carry ids, names or addresses: their number must not grow with what users make.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)

from netwright import __version__
from netwright.host.queries import NameCounts

CONTENT_TYPE = CONTENT_TYPE_LATEST
"""The content type of the exposition."""

# An attached endpoint takes a few milliseconds, a pulled image minutes.
_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0)


_NAME_FIGURES = ("queries", "in_kernel", "forwards", "cached", "failures", "refused", "malformed")


class Metrics:
    """The engine's counters. One object an engine: nothing is global, so that tests may have many."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        build = Gauge("netwright_build_info", "1, labelled with the version.", ["version"], registry=self._registry)
        build.labels(__version__).set(1)
        self._operations = Histogram(
            "netwright_operation_seconds",
            "Time of the engine's operations, such as sandbox_open or network_create, by outcome (done or failed).",
            ["operation", "outcome"],
            buckets=_BUCKETS,
            registry=self._registry,
        )
        self._requests = Histogram(
            "netwright_api_request_seconds",
            "Time until API requests were answered, streams not counted, by method, route and status.",
            ["method", "route", "status"],
            buckets=_BUCKETS,
            registry=self._registry,
        )
        self._known_requests: dict[tuple[str, str, int], Histogram] = {}
        self._events = Counter(
            "netwright_events",
            "Events published, by type and action.",
            ["type", "action"],
            registry=self._registry,
        )

        self._names = Counter(
            "netwright_dns",
            "What happened to names in containers: queries, of them in_kernel, forwards, cached, failures, refused, "
            "malformed.",
            ["what"],
            registry=self._registry,
        )
        self._name_seconds = Counter(
            "netwright_dns_forward_seconds", "Time that name servers took to answer.", registry=self._registry
        )
        self._counted: dict[str, NameCounts] = {}
        self._degraded = Gauge(
            "netwright_degraded", "What is out of order and could not be put right.", registry=self._registry
        )

    def degraded(self, count: int) -> None:
        """Note how much is out of order."""
        self._degraded.set(count)

    def names(self, counted: Iterable[NameCounts]) -> None:
        """Take over what has happened with names so far in each open stack."""
        before, self._counted = self._counted, {counts.netns: counts for counts in counted}
        for netns, counts in self._counted.items():
            known = before.get(netns)
            # One that has less than before was closed and opened again in between.
            since = known if known is not None and known.queries <= counts.queries else NameCounts(netns=netns)
            for what in _NAME_FIGURES:
                self._names.labels(what).inc(max(0, getattr(counts, what) - getattr(since, what)))
            self._name_seconds.inc(max(0.0, counts.seconds - since.seconds))

    @contextmanager
    def operation(self, name: str) -> Iterator[None]:
        """Time a block as an operation; it counts as failed where it raises or is cancelled."""
        begin = time.perf_counter()
        try:
            yield
        except BaseException:
            self._operations.labels(name, "failed").observe(time.perf_counter() - begin)
            raise
        self._operations.labels(name, "done").observe(time.perf_counter() - begin)

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count an answered API request; `route` is its pattern (`/networks/{id}`), never a path with an id in it."""
        key = (method, route, status)
        if key not in self._known_requests:
            # Looking a series up by its labels takes longer than counting in it.
            self._known_requests[key] = self._requests.labels(method, route, str(status))
        self._known_requests[key].observe(seconds)

    def event(self, kind: str, action: str) -> None:
        """Count an event. What follows a colon in an action (`exec_start: sh`) is the user's and is left out."""
        self._events.labels(kind, action.partition(":")[0]).inc()

    def gauge(self, name: str, text: str, read: Callable[[], float]) -> None:
        """Add a figure that is read when it is asked for, such as the number of open endpoints.

        `name` is without the prefix `netwright_`. Raises ValueError where the name is taken.
        """
        Gauge(f"netwright_{name}", text, registry=self._registry).set_function(read)

    def exposition(self) -> bytes:
        """Return everything in Prometheus's text format."""
        return generate_latest(self._registry)
