"""Redis, and who works on it: workers that show life, a scheduler that leads, queues that get shorter."""

from __future__ import annotations

import os
import socket
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from redis.exceptions import AuthenticationError, RedisError, ResponseError
from rq import Queue, Worker

from backend.config import LOOPBACK
from backend.control import Control
from backend.queue import ALIVE_SECONDS, QUEUES
from backend.worker.schedule import LOCK
from scripts.diagnosis.findings import Check, Finding, fail, ok, warn
from scripts.diagnosis.patient import Patient

START_WORKER = "Start one: python -m backend.worker"
START_SCHEDULER = "Start one: python -m backend.worker.schedule"
OLDEST = (6, 2)
MANY = 1000
SUSPENDED = "rq:suspended"


def redis(patient: Patient) -> list[Finding]:
    """Redis answers, is new enough, and never throws away what it was given."""
    parts = urlsplit(patient.settings.redis_url)
    where = f"REDIS_URL={parts.scheme}://{parts.hostname or parts.path}" + (f":{parts.port}" if parts.port else "")
    try:
        with patient.redis() as client:
            info: dict[str, Any] = client.info()
    except (AuthenticationError, ResponseError) as error:
        return [fail(f"{where}: it does not let us in ({str(error)[:80]})", "Mend user and password in REDIS_URL.")]
    except (RedisError, OSError) as error:
        mend = "Is it running there? A hosted one may want rediss:// (TLS)."
        return [fail(f"{where}: {' '.join(str(error).split())[:120]}", mend)]
    version = str(info.get("valkey_version") or info.get("redis_version", "0"))
    found = []
    if tuple(int(part) for part in version.split(".")[:2]) < OLDEST:
        found.append(fail(f"Redis {version} is too old", "Use Redis 6.2 or newer, or Valkey."))
    name = "Valkey" if info.get("valkey_version") else "Redis"
    return [*found, *_memory(info)] or [ok(f"{name} {version}, keeps everything (noeviction)")]


def _memory(info: dict[str, Any]) -> list[Finding]:
    policy, limit, used = (info.get(name) for name in ("maxmemory_policy", "maxmemory", "used_memory"))
    mend = "Set maxmemory-policy noeviction (config set, or in the provider's console)."
    if policy and policy != "noeviction":
        cause = f"it may throw away queued work and locks (maxmemory-policy is {policy})"
        return [fail(cause, mend) if limit else warn(cause, mend)]
    if limit and used and used > 0.9 * limit:
        return [warn(f"{used * 100 // limit} % of its memory is used", "Give it more, or find what fills it.")]
    return []


def worker(patient: Patient) -> list[Finding]:
    """Somebody takes work, from every queue."""
    with patient.redis() as client:
        workers = Worker.all(connection=client)
        suspended = bool(client.exists(SUSPENDED))
        now = datetime.fromtimestamp(client.time()[0], UTC)  # not ours, which may be what is wrong
        leaving = Control(client).orders().draining
    alive = [one for one in workers if _is_fresh(one, now) and not _is_gone(one, patient)]
    if not alive:
        dead = f"; {len(workers)} that died are still listed" if workers else ""
        return [fail(f"no worker is alive{dead}", START_WORKER)]
    if suspended:
        return [fail("the workers are told to pause (rq suspend)", "rq resume --url $REDIS_URL")]
    staying = [one for one in alive if one.name not in leaving]
    unserved = [name for name in QUEUES if not any(name in one.queue_names() for one in staying)]
    if unserved:
        drained = f" ({len(alive) - len(staying)} that drain take nothing new)" if len(staying) < len(alive) else ""
        return [fail(f"no worker listens on {', '.join(unserved)}{drained}", START_WORKER)]
    return [ok(f"{len(alive)} alive, {sum(one.get_state() == 'busy' for one in alive)} busy")]


def scheduler(patient: Patient) -> list[Finding]:
    """A scheduler leads: its lock is there and was renewed in time."""
    with patient.redis() as client:
        left = client.pttl(LOCK) / 1000
    if left < 0:
        return [fail("no scheduler leads: retries, sweeps and the dispatcher stand still", START_SCHEDULER)]
    silent = patient.settings.schedule_lock_seconds - left
    if silent > patient.settings.schedule_lock_seconds * 5 / 6:  # a leader renews at half of it at the latest
        return [fail(f"the leading scheduler has been silent for {silent:.0f} s", START_SCHEDULER)]
    return [ok(f"one leads, seen {max(silent, 0):.0f} s ago")]


def queues(patient: Patient) -> list[Finding]:
    """Work does not pile up."""
    with patient.redis() as client:
        depths = {name: Queue(name, connection=client).count for name in QUEUES}
    deep = {name: depth for name, depth in depths.items() if depth > MANY}
    if deep:
        waiting = ", ".join(f"{depth} in {name}" for name, depth in deep.items())
        return [warn(f"work piles up: {waiting}", "Start more workers: python -m backend.worker")]
    waiting = ", ".join(f"{depth} in {name}" for name, depth in depths.items() if depth)
    return [ok(waiting or "empty")]


def pauses(patient: Patient) -> list[Finding]:
    """No queue is paused and forgotten."""
    with patient.redis() as client:
        paused = sorted(Control(client).orders().paused)
    mend = "Once the reason is gone, as an admin: POST /api/v1/admin/queues/{}/resume"
    found = [warn(f"{name} is paused: what waits there keeps its credits held", mend.format(name)) for name in paused]
    return found or [ok("none paused")]


def _is_fresh(one: Any, now: datetime) -> bool:
    seen = one.last_heartbeat
    return seen is not None and (now - seen.astimezone(UTC)).total_seconds() < ALIVE_SECONDS


def _is_gone(one: Any, patient: Patient) -> bool:
    """On this machine a dead worker is seen at once, elsewhere when its sign of life is 75 seconds old."""
    if (urlsplit(patient.settings.redis_url).hostname or "localhost") not in LOOPBACK:
        return False
    if one.hostname != socket.gethostname() or not one.pid:
        return False
    try:
        os.kill(one.pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False


CHECKS = (
    Check("redis", "Queue", redis, needs=("variables",)),
    Check("worker", "Queue", worker, needs=("redis",)),
    Check("scheduler", "Queue", scheduler, needs=("redis",)),
    Check("queues", "Queue", queues, needs=("redis",), because=("worker",)),
    Check("pauses", "Queue", pauses, needs=("redis",)),
)
