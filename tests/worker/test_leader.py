"""One scheduler leads; the lock that says so survives losing it."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from redis import Redis
from redis.exceptions import RedisError

from backend.queue import connect
from backend.worker.leader import LeaderLock


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    with connect(redis_url) as client:
        yield client


def lock(redis: Redis, seconds: float = 5.0) -> LeaderLock:
    return LeaderLock(redis, "test:leader", seconds)


def test_only_one_of_two_leads(redis: Redis) -> None:
    """Regression: J5."""
    first, second = lock(redis), lock(redis)
    assert [first.hold(), second.hold(), first.hold(), second.hold()] == [True, False, True, False]


def test_a_released_lock_is_free_at_once(redis: Redis) -> None:
    """A scheduler that is stopped leaves no gap."""
    first, second = lock(redis), lock(redis)
    first.hold()
    first.release()
    assert second.hold()


def test_release_leaves_the_lock_of_another_alone(redis: Redis) -> None:
    """One that lost the lock must not throw out its successor."""
    first, second = lock(redis, 0.1), lock(redis)
    first.hold()
    time.sleep(0.15)
    assert second.hold()
    first.release()
    assert not lock(redis).hold()


def test_a_leader_that_lost_its_lock_notices(redis: Redis) -> None:
    """It overslept, another leads: it waits."""
    first, second = lock(redis, 0.12), lock(redis)
    assert first.hold()
    time.sleep(0.15)
    assert second.hold()
    assert not first.hold()


def test_an_emptied_redis_does_not_end_the_leadership(redis: Redis) -> None:
    """Whoever asks first takes the lock again."""
    first = lock(redis, 0.3)
    first.hold()
    redis.flushall()
    time.sleep(0.06)
    assert first.hold()
    assert not lock(redis).hold()


def test_a_steady_leader_asks_seldom(redis: Redis) -> None:
    """A hundred looks at the lock in a moment are one command."""
    first = lock(redis)
    first.hold()
    before = redis.info("commandstats")["cmdstat_eval"]["calls"]
    for _ in range(100):
        first.hold()
    assert redis.info("commandstats")["cmdstat_eval"]["calls"] == before


def test_after_doubt_redis_is_asked() -> None:
    """With Redis away nobody leads, whatever was known before."""
    with pytest.raises(RedisError):
        lock(connect("redis://127.0.0.1:9/0")).hold()
