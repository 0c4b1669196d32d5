"""What a process counts for Prometheus, and how the processes of one web server count together."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest, values
from prometheus_client.metrics_core import Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
UNKNOWN_ROUTE = "(unknown)"
METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)

# In memory until `share` says otherwise, whatever stands in the environment: a work horse lives for one job, and a file
# of each would stay behind for ever. What workers do is counted in the database (decision 0013).
values.ValueClass = values.MutexValue

_registry = CollectorRegistry()
_requests = Counter("scrip_http_requests", "Requests answered.", ("route", "method", "status"), registry=_registry)
_request_seconds = Histogram(
    "scrip_http_request_seconds", "Time to answer.", ("route", "method"), buckets=SECONDS, registry=_registry
)
_rpc_seconds = Histogram(
    "scrip_rpc_seconds", "Time of a SQL operation.", ("operation", "outcome"), buckets=SECONDS, registry=_registry
)
_disabled = Counter("scrip_feature_disabled", "Requests refused by a feature flag.", ("flag",), registry=_registry)
_missing_flags = Counter("scrip_flag_has_no_row", "Looks at a flag that has no row.", ("flag",), registry=_registry)
_shared: list[Path] = []


def share(directory: Path, slot: int) -> None:
    """Count in files that the web processes share; `slot` is this process' place among those that run now.

    Call it before anything was counted. A process that follows another one in its slot goes on with its figures, so
    that there are never more files than processes. The directory must also stand in PROMETHEUS_MULTIPROC_DIR.
    """
    values.ValueClass = values.MultiProcessValue(lambda: slot)  # type: ignore[no-untyped-call]
    _shared[:] = [directory]


def saw_request(*, route: str | None, method: str, status: int, seconds: float) -> None:
    """Count an answered request under its route's template; paths that lead nowhere are one route."""
    route, method = route or UNKNOWN_ROUTE, method if method in METHODS else "other"
    _requests.labels(route, method, str(status)).inc()
    _request_seconds.labels(route, method).observe(seconds)


def saw_rpc(*, operation: str, outcome: str, seconds: float) -> None:
    """Count a call of a SQL operation; `outcome` is ok, refused, unavailable or internal."""
    _rpc_seconds.labels(operation, outcome).observe(seconds)


def saw_disabled_feature(*, flag: str) -> None:
    """Count a request that a feature flag refused."""
    _disabled.labels(flag).inc()


def saw_missing_flag(*, flag: str) -> None:
    """Count a look at a flag whose declared default had to count."""
    _missing_flags.labels(flag).inc()


def exposition(more: Iterable[Metric]) -> bytes:
    """Return everything that is counted here, and more, in Prometheus' text format."""
    registry = _registry
    if _shared:
        registry = CollectorRegistry()
        MultiProcessCollector(registry, path=str(_shared[0]))  # type: ignore[no-untyped-call]
    observed = CollectorRegistry()
    observed.register(_Collected(list(more)))
    return generate_latest(registry) + generate_latest(observed)


class _Collected(Collector):
    """Families that were collected already."""

    def __init__(self, families: list[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        """Return them."""
        return self._families
