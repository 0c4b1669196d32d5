"""What /metrics shows beside the counters of the web processes: database, queue and workers, each if it answers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any

import structlog
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric

from backend import VERSION
from backend.deps import Deps
from backend.errors import AppError
from backend.queue import RedisError
from backend.rpc import metrics as rpc
from backend.rpc.platform import get_schema_version
from backend.rpc.scheduler import list_scheduled_jobs

Json = dict[str, Any]
log = structlog.get_logger(__name__)

SCRAPE_SECONDS = 3.0  # Prometheus gives up after ten
# Totals of the database that are counters here: name -> (metric, unit of theirs in ours, words).
TOTALS = {
    "generations": ("scrip_generations", 1, "Generations that ended."),
    "generation_failures": ("scrip_generation_failures", 1, "Generations that failed for good."),
    "generation_attempts": ("scrip_generation_attempts", 1, "Attempts that ended generations took."),
    "credits_reserved": ("scrip_credits_reserved", 1, "Credits held for generations that ended."),
    "credits_charged": ("scrip_credits_charged", 1, "Credits taken for generations."),
    "credits_released": ("scrip_credits_released", 1, "Held credits that generations gave back."),
    "credits_absorbed": ("scrip_credits_absorbed", 1, "Credits that late settles could not collect."),
    "ledger_credits": ("scrip_ledger_credits", 1, "Credits moved in the ledger."),
    "preset_fallbacks": ("scrip_preset_fallbacks", 1, "Missing presets, by the built-in that stood in."),
    "provider_cost_micros": ("scrip_provider_cost_dollars", 1e6, "What providers billed for generations that ended."),
}
TIMES = {
    "queue_seconds": ("scrip_generation_queue_seconds", "From asked for to first started."),
    "result_seconds": ("scrip_generation_result_seconds", "From asked for to result."),
}


def families(deps: Deps) -> Iterator[Metric]:
    """Yield everything that is worth knowing now; a part that has not told all within three seconds counts as down."""
    # In threads, because time-outs are per answer of a socket: a part could drip, or answer slowly many times. A thread
    # that is given up ends with its connection.
    looks = {"database": _database, "redis": _queue}
    threads = ThreadPoolExecutor(len(looks), thread_name_prefix="observed")
    asked = {part: threads.submit(_ask, part, look, deps) for part, look in looks.items()}
    threads.shutdown(wait=False)
    done, late = wait(asked.values(), timeout=SCRAPE_SECONDS)
    up = GaugeMetricFamily("scrip_up", "Whether a part answered this scrape.", labels=["part"])
    for part, answer in asked.items():
        if answer in late:
            log.warning("not_observed", part=part, reason="too slow")
        found = answer.result() if answer in done else None
        up.add_metric([part], found is not None)
        yield from found or ()
    yield up


def _ask(part: str, look: Callable[[Deps], Iterator[Metric]], deps: Deps) -> list[Metric] | None:
    try:
        return list(look(deps))
    except (AppError, RedisError) as error:
        log.warning("not_observed", part=part, reason=str(error))
    except Exception:
        log.exception("not_observed", part=part)  # whatever it is: the other parts are still worth telling
    return None


def _database(deps: Deps) -> Iterator[Metric]:
    service = deps.probe.as_service()
    found, schema = rpc.get_metrics(service), get_schema_version(service) or "none"
    build = GaugeMetricFamily("scrip_build_info", "What runs here.", labels=["version", "schema"])
    build.add_metric([VERSION, schema], 1)
    yield build
    yield from _totals(found["totals"])
    yield from _times(found["totals"])
    open_now, holds = found["generations"], found["holds"]
    state = GaugeMetricFamily("scrip_generations_open", "Generations that have not ended.", labels=["status"])
    for status in ("queued", "held_back", "running"):
        state.add_metric([status], open_now[status])
    yield state
    yield _gauge("scrip_generations_oldest_seconds", "Age of the oldest that is due.", open_now["oldest_seconds"])
    yield _gauge("scrip_holds_open", "Reservations that are open.", holds["open"])
    yield _gauge("scrip_holds_open_credits", "Credits in open reservations.", holds["credits"])
    behind = "For how long the roll-ups of statistics have not been whole."
    yield _gauge("scrip_statistics_behind_seconds", behind, found["statistics_behind_seconds"])
    yield _gauge("scrip_ledger_problems", "What was found wrong in the books and still is.", found["ledger_problems"])
    incidents = GaugeMetricFamily("scrip_incidents_open", "Incidents that have not ended.", labels=["kind"])
    for incident in found["incidents"]:
        incidents.add_metric([incident["kind"]], incident["open"])
    yield incidents
    yield from _schedule(list_scheduled_jobs(service))


def _schedule(jobs: list[Json]) -> Iterator[Metric]:
    late = GaugeMetricFamily("scrip_scheduler_late_seconds", "By how much a job has missed its time.", labels=["job"])
    failing = GaugeMetricFamily("scrip_scheduler_failures_in_a_row", "Failures since it last worked.", labels=["job"])
    for job in jobs:
        late.add_metric([job["name"]], job["late_seconds"])
        failing.add_metric([job["name"]], job["failures_in_a_row"])
    yield late
    yield failing


def _totals(rows: list[Json]) -> Iterator[Metric]:
    by_name = defaultdict(list)
    for row in rows:
        by_name[row["name"]].append(row)
    for name, (metric, unit, words) in TOTALS.items():
        labels = sorted(by_name[name][0]["labels"]) if by_name[name] else []
        family = CounterMetricFamily(metric, words, labels=labels)
        for row in by_name[name]:
            family.add_metric([row["labels"][label] for label in labels], row["value"] / unit)
        yield family


def _times(rows: list[Json]) -> Iterator[Metric]:
    for name, (metric, words) in TIMES.items():
        sums = [row for row in rows if row["name"] == f"{name}_sum"]
        labels = sorted(sums[0]["labels"]) if sums else []
        family = HistogramMetricFamily(metric, words, labels=labels)
        for row in sums:
            buckets = sorted(
                (float(one["labels"]["le"]), one["value"])
                for one in rows
                if one["name"] == f"{name}_bucket" and row["labels"].items() <= one["labels"].items()
            )
            named = [("+Inf" if bound == float("inf") else str(bound), count) for bound, count in buckets]
            family.add_metric([row["labels"][label] for label in labels], named, row["value"])
        yield family


def _queue(deps: Deps) -> Iterator[Metric]:
    found = deps.control.look()
    for key, words in {
        "depth": "Jobs that wait in a queue.",
        "oldest_seconds": "Age of the job at the head of a queue.",
        "started": "Jobs that run.",
        "failed": "Jobs that broke within the last hour.",
        "paused": "Whether workers leave a queue alone.",
    }.items():
        family = GaugeMetricFamily(f"scrip_queue_{key}", words, labels=["queue"])
        for queue in found["queues"]:
            family.add_metric([queue["name"]], float(queue[key]))
        yield family
    workers = GaugeMetricFamily("scrip_workers", "Workers that are alive.", labels=["state"])
    for state in ("idle", "busy", "suspended"):
        workers.add_metric([state], sum(worker["state"] == state for worker in found["workers"]))
    yield workers
    errors = CounterMetricFamily("scrip_provider_errors", "Errors of providers.", labels=["provider", "code"])
    for field, count in found["provider_errors"].items():
        errors.add_metric(field.split(":", 1), count)
    yield errors
    load = GaugeMetricFamily("scrip_key_load", "Requests that a provider's key carries.", labels=["provider", "key"])
    rest = GaugeMetricFamily("scrip_key_resting", "Whether a key is left alone.", labels=["provider", "key"])
    for pooled in key_states(deps):
        load.add_metric([pooled["provider"], pooled["fingerprint"]], pooled["load"] or 0)
        rest.add_metric([pooled["provider"], pooled["fingerprint"]], float(pooled["resting_until"] is not None))
    yield load
    yield rest


def key_states(deps: Deps) -> list[Json]:
    """Return every provider key by its fingerprint: load, how long it rests and why; never the key."""
    pools = {name: getattr(provider, "keys", None) for name, provider in deps.providers.items()}
    return [{"provider": name, **key} for name, pool in pools.items() if pool for key in pool.state()]


def _gauge(name: str, words: str, value: float) -> Metric:
    return GaugeMetricFamily(name, words, value=value)
