"""The queue is a hint: cheap, quick to give up, and never in the way of a second hint."""

from __future__ import annotations

import socket
import time
import uuid
from collections.abc import Iterator

import pytest
import rq
from redis import Redis
from redis.exceptions import RedisError
from rq.utils import import_attribute

from backend import queue as queues
from backend.queue import Queue, connect
from backend.worker.horses import Worker
from backend.worker.outage import Outage
from scripts.local.valkey import Valkey
from tests.patience import within

GENERATION = str(uuid.UUID(int=1))


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    with connect(redis_url) as client:
        yield client


def waiting(redis: Redis, name: str = queues.DEFAULT) -> list[str]:
    return rq.Queue(name, connection=redis).job_ids


def test_a_job_carries_two_ids_and_nothing_else(redis: Redis) -> None:
    """Whatever else there is to know stands in the row."""
    assert Queue(redis).enqueue_generation(GENERATION, 0, "request-1")
    (job,) = rq.Queue(queues.DEFAULT, connection=redis).jobs
    assert (job.func_name, job.args, job.kwargs) == (queues.RUN_GENERATION, (GENERATION, "request-1"), {})
    assert (job.id, job.result_ttl) == (f"gen-{GENERATION}-0", 0)


def test_a_repeated_hint_does_not_lengthen_the_line(redis: Redis) -> None:
    """A long line is dispatched again every minute; it must not grow by that."""
    hints = [Queue(redis).enqueue_generation(GENERATION, 0, None) for _ in range(3)]
    assert hints == [True, False, False]
    assert len(waiting(redis)) == 1


def test_a_record_that_outlived_its_place_in_the_line_does_not_block_it(redis: Redis) -> None:
    """Regression: J3. A worker took the job and died before it started; the record says queued for ever."""
    Queue(redis).enqueue_generation(GENERATION, 0, None)
    redis.lpop(rq.Queue(queues.DEFAULT, connection=redis).key)
    assert waiting(redis) == []
    assert Queue(redis).enqueue_generation(GENERATION, 0, None)
    assert waiting(redis) == [f"gen-{GENERATION}-0"]


def test_an_emptied_redis_takes_the_hint_again(redis: Redis) -> None:
    """Regression: J3. Nothing that matters is lost with Redis."""
    Queue(redis).enqueue_generation(GENERATION, 0, None)
    redis.flushall()
    redis.script_flush()
    assert Queue(redis).enqueue_generation(GENERATION, 0, None)


def test_a_connection_does_not_introduce_its_library(redis: Redis) -> None:
    """Every work horse opens several, and some hosted Redis are billed by the command."""
    assert redis.client_info()["lib-name"] == ""


def test_a_hint_costs_few_commands(redis: Redis) -> None:
    """Some hosted Redis are billed by the command."""
    Queue(redis).enqueue_generation(str(uuid.uuid4()), 0, None)
    before = redis.info("stats")["total_commands_processed"]
    Queue(redis).enqueue_generation(str(uuid.uuid4()), 0, None)
    assert (
        redis.info("stats")["total_commands_processed"] - before <= 12
    )  # the info command and what Lua calls included


def test_redis_that_is_down_is_noticed_at_once() -> None:
    """Nobody's request may wait for a queue that is only a hint."""
    started = time.monotonic()
    with pytest.raises(RedisError):
        Queue(connect("redis://127.0.0.1:9/0")).enqueue_generation(GENERATION, 0, None)
    assert time.monotonic() - started < within(0.5)


def test_redis_that_accepts_and_says_nothing_is_given_up_within_moments() -> None:
    """A machine behind a broken network: no refusal, only silence."""
    with socket.create_server(("127.0.0.1", 0)) as mute:
        started = time.monotonic()
        with pytest.raises(RedisError):
            Queue(connect(f"redis://127.0.0.1:{mute.getsockname()[1]}/0")).enqueue_generation(GENERATION, 0, None)
    assert time.monotonic() - started < within(2.5)


def test_a_kept_connection_that_died_is_replaced(redis: Redis, redis_url: str) -> None:
    """A restart of Redis costs no request."""
    redis.ping()
    with connect(redis_url) as other:
        other.client_kill_filter(_type="normal", skipme=True)
    Queue(redis).ping()


def test_secure_addresses_are_understood() -> None:
    """rediss:// is what hosted Redis gives out."""
    assert (
        connect("rediss://user:pass@example.test:6380/1").connection_pool.connection_class.__name__ == "SSLConnection"
    )


def test_the_worker_listens_to_every_queue(redis: Redis) -> None:
    """A queue that nobody listens to would swallow its jobs."""
    worker = Worker(redis, Outage(), queues=queues.QUEUES, grace_seconds=1)
    names = {
        value
        for name, value in vars(queues).items()
        if name.isupper() and name in queues.__dict__ and isinstance(value, str)
    }
    jobs = {name for name in names if name.startswith("backend.worker.jobs.")}
    assert set(worker.queue_names()) == names - jobs - {queues.UNCONFIRMED} == set(queues.QUEUES)


def test_a_job_in_progress_does_not_depend_on_redis(redis: Redis) -> None:
    """RQ shows life in Redis while a job runs; without Redis the job goes on, since its lease is in the database."""
    with Valkey() as own:
        outage, client = Outage(), connect(own.url)
        Queue(client).enqueue_generation(GENERATION, 0, None)
        worker = Worker(client, outage, queues=queues.QUEUES, grace_seconds=1)
        (job,) = rq.Queue(queues.DEFAULT, connection=client).jobs
        worker.prepare_execution(job)
        own.kill()
        worker.set_current_job_working_time(1.0)
        worker.maintain_heartbeats(job)
        assert outage.ongoing
        with pytest.raises(RedisError):
            worker.heartbeat()


def test_job_names_lead_to_functions() -> None:
    """The queue names its jobs by dotted text, so that the web process never imports worker code."""
    for name in (queues.RUN_GENERATION, queues.BUILD_ARCHIVE):
        assert callable(import_attribute(name))


def test_a_worker_that_redis_forgot_is_listed_again(redis: Redis, redis_url: str) -> None:
    """Regression of a flush: an idle worker shows life, finds that it is unknown, and introduces itself."""
    worker = Worker(connect(redis_url), Outage(), queues=queues.QUEUES, grace_seconds=1)
    worker.register_birth()  # type: ignore[no-untyped-call]  # RQ has no types there
    assert Queue(redis).workers_alive() == 1
    redis.flushall()
    assert Queue(redis).workers_alive() == 0
    worker.heartbeat()
    assert Queue(redis).workers_alive() == 1
    assert 0 < redis.ttl(worker.key) <= queues.ALIVE_SECONDS
    redis.delete(worker.key)  # what happens by itself when a killed worker is silent
    assert Queue(redis).workers_alive() == 0
    assert redis.scard("rq:workers") == 1
