"""The pool of keys on a real Valkey: who orders next, who rests, what is told; and webhooks' proofs."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable

import pytest
import redis
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import SecretStr

from backend.clients.providers.fal import keys as keys_module
from backend.clients.providers.fal.keys import KeyPool, NoKey
from backend.clients.providers.fal.webhooks import Forged, verify_webhook
from backend.queue import connect
from backend.shared import Shared
from backend.signals import Signals
from scripts.local.fal.webhooks import Signer

SECRETS = [SecretStr(f"fal-secret-number-{number}") for number in (1, 2, 3)]


@pytest.fixture
def pool(redis_url: str) -> KeyPool:
    """Three keys."""
    return KeyPool(SECRETS, Shared(connect(redis_url)).run)


@pytest.fixture
def pass_time(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Let seconds pass for the pool."""
    passed = [0.0]
    real = time.time
    monkeypatch.setattr(keys_module.time, "time", lambda: real() + passed[0])

    def later(seconds: float) -> None:
        passed[0] += seconds

    return later


def loads(pool: KeyPool) -> list[int]:
    """Return the loads, sorted."""
    return sorted(state["load"] for state in pool.state())


def test_the_least_loaded_key_is_next_across_processes(pool: KeyPool, redis_url: str) -> None:
    """Two pools on one Redis are one; what ends makes room."""
    other = KeyPool(SECRETS, Shared(connect(redis_url)).run)
    taken = [(pool, other)[number % 2].take(f"generation-{number}").key for number in range(9)]
    assert set(Counter(key.fingerprint for key in taken).values()) == {3}
    for number in (0, 3):
        pool.release(taken[number], f"generation-{number}")
    freed = {taken[0].fingerprint, taken[3].fingerprint}
    assert other.take("generation-9").key.fingerprint in freed


def test_a_worker_that_died_leaks_no_load(pool: KeyPool, pass_time: Callable[[float], None]) -> None:
    """Load that nobody released is forgotten; the same generation again counts once."""
    fingerprints = {pool.take("generation-1").key.fingerprint for _ in range(1)}
    assert loads(pool) == [0, 0, 1]
    assert fingerprints
    pass_time(keys_module.LOAD_SECONDS + 1)
    assert loads(pool) == [0, 0, 0]


def test_pauses_grow_until_a_success(pool: KeyPool, pass_time: Callable[[float], None]) -> None:
    """2, 4, 8 seconds; many workers hearing the same 429 at once count as one; success starts anew."""
    key = pool.take("generation").key

    def rest() -> float:
        began = keys_module.time.time()
        for _ in range(5):
            pool.rest(key, "generation", "rate_limited")
        until = next(state["resting_until"] for state in pool.state() if state["fingerprint"] == key.fingerprint)
        pass_time(until - began + 0.01)
        return float(round(until - began))

    assert [rest(), rest(), rest()] == [2, 4, 8]
    pool.works(key)
    assert rest() == 2


def test_when_all_rest_it_says_until_when(pool: KeyPool, pass_time: Callable[[float], None]) -> None:
    """Nothing is ordered; after the pause the keys are chosen again, and their first success is to be told."""
    for number in range(3):
        pool.rest(pool.take(f"generation-{number}").key, f"generation-{number}", "no_balance")
    with pytest.raises(NoKey, match=r"another (59|60) s") as refused:
        pool.take("generation")
    assert (refused.value.code, refused.value.retryable) == ("provider_no_key", True)
    assert {state["last_error"] for state in pool.state()} == {"no_balance"}
    pass_time(61)
    assert pool.take("generation").was_resting


def test_fal_may_ask_for_a_longer_pause(pool: KeyPool) -> None:
    """Its Retry-After counts."""
    key = pool.take("generation").key
    pool.rest(key, "generation", "rate_limited", at_least=90)
    until = next(state["resting_until"] for state in pool.state() if state["resting_until"])
    assert 85 < until - time.time() < 91


def test_without_redis_any_key_will_do() -> None:
    """The pool is a help; orders go on without it."""
    pool = KeyPool(SECRETS, Shared(connect("redis://127.0.0.1:1/0", seconds=0.1)).run)
    assert len({pool.take("generation").key.fingerprint for _ in range(60)}) == 3
    pool.rest(pool.take("generation").key, "generation", "locked")
    assert [state["load"] for state in pool.state()] == [None, None, None]


def test_nothing_that_is_shown_holds_a_key(pool: KeyPool, redis_url: str) -> None:
    """Neither state, nor errors, nor what is kept in Redis."""
    pool.rest(pool.take("generation").key, "generation", "locked")
    with redis.Redis.from_url(redis_url) as client:
        kept = b"".join(client.keys()) + b"".join(
            client.hgetall(name).__repr__().encode() for name in client.keys("*rest*")
        )
    shown = f"{pool.state()} {pool.take('other')!r} {kept!r}"
    assert not [secret for secret in SECRETS if secret.get_secret_value() in shown]


def test_a_signal_ends_a_wait_and_costs_one_command_each(redis_url: str) -> None:
    """Sent before or during the wait; without one the wait lasts as long as it was asked to."""
    client = connect(redis_url)
    signals = Signals(client, connect(redis_url, seconds=12))
    signals.send("one")
    signals.send("one")
    before = client.info("commandstats").get("cmdstat_blpop", {}).get("calls", 0)
    assert signals.wait("one", 5)
    assert not signals.wait("one", 0.05), "two signals are one"
    assert client.info("commandstats")["cmdstat_blpop"]["calls"] - before == 2
    assert not signals.wait("another", 0.05)


def test_without_redis_a_wait_is_a_sleep() -> None:
    """The sleep that is given listens for reasons to stop."""
    away = connect("redis://127.0.0.1:1/0", seconds=0.1)
    slept: list[float] = []
    assert not Signals(away, away).wait("one", 3, slept.append)
    assert 2 < slept[0] <= 3


def test_webhooks_are_signed_as_fal_documents() -> None:
    """Id, user, time and the body's digest, each on a line; a changed one, another key, or five minutes spoil it."""
    signer, body = Signer(), b'{"status": "OK"}'
    public = signer._key.public_key()
    headers = signer.headers("request-1", body)
    verify_webhook(headers, body, [Ed25519PrivateKey.generate().public_key(), public])
    stale = str(int(time.time()) - 301)
    for changed in (
        headers | {"X-Fal-Webhook-Request-Id": "request-2"},
        headers | {"X-Fal-Webhook-Timestamp": stale},
        headers | {"X-Fal-Webhook-Timestamp": "soon"},
        headers | {"X-Fal-Webhook-Signature": ""},
        {},
    ):
        with pytest.raises(Forged):
            verify_webhook(changed, body, [public])
    with pytest.raises(Forged):
        verify_webhook(headers, body + b" ", [public])
    with pytest.raises(Forged):
        verify_webhook(headers, body, [])
