"""The pool of fal keys: which one orders next, which ones rest. Shared by all workers through Redis, never by value.

A key is known by its fingerprint. Its load is a sorted set of generations with expiries, so that a worker that dies
leaks no load for long. A key that fal refuses rests, longer each time, until it has worked again.
"""

from __future__ import annotations

import hashlib
import hmac
import random
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from pydantic import SecretStr

from backend.clients.providers.base import NotSubmitted

# Runs a script at Redis (script, keys, arguments) and returns its answer, or None when Redis is away.
RunScript = Callable[[str, Sequence[str], Sequence[str | int]], Any]

LOAD_SECONDS = 900  # a request counts as load for so long, unless its end is told
FIRST_REST = {"rate_limited": 2, "unauthorized": 60, "no_balance": 60, "locked": 60}
LONGEST_REST = {"rate_limited": 120, "unauthorized": 3600, "no_balance": 1800, "locked": 1800}

_TAKE = """
local now, count, best, least, wake = tonumber(ARGV[1]), #KEYS / 2, 0, 0, 0
for i = 1, count do
  local rests_until = tonumber(redis.call('hget', KEYS[count + i], 'until') or '0')
  if rests_until > now then
    if wake == 0 or rests_until < wake then wake = rests_until end
  else
    redis.call('zremrangebyscore', KEYS[i], '-inf', now)
    local load = redis.call('zcard', KEYS[i])
    if best == 0 or load < least then best, least = i, load end
  end
end
if best == 0 then return {0, wake} end
redis.call('zadd', KEYS[best], ARGV[3], ARGV[2])
redis.call('pexpireat', KEYS[best], ARGV[3])
return {best, redis.call('exists', KEYS[count + best])}
"""
_REST = """
redis.call('zrem', KEYS[1], ARGV[2])
local now, first, longest = tonumber(ARGV[1]), tonumber(ARGV[4]), tonumber(ARGV[5])
if tonumber(redis.call('hget', KEYS[2], 'until') or '0') > now then return 0 end
local failures = redis.call('hincrby', KEYS[2], 'failures', 1)
local pause = math.max(math.min(longest, first * 2 ^ (failures - 1)), tonumber(ARGV[6]))
redis.call('hset', KEYS[2], 'until', string.format('%.0f', now + pause), 'code', ARGV[3])
redis.call('pexpire', KEYS[2], string.format('%.0f', pause + 2 * longest))
return 1
"""
_STATE = """
local count, found = #KEYS / 2, {}
for i = 1, count do
  local rest = redis.call('hmget', KEYS[count + i], 'until', 'code')
  found[i] = {redis.call('zcount', KEYS[i], '(' .. ARGV[1], '+inf'), rest[1] or '0', rest[2] or ''}
end
return found
"""
_RELEASE = "return redis.call('zrem', KEYS[1], ARGV[1])"
_FORGET_REST = "return redis.call('del', KEYS[1])"


class NoKey(NotSubmitted):
    """Every key rests; nothing was ordered."""

    def __init__(self, message: str) -> None:
        super().__init__(message, "provider_no_key")


@dataclass(frozen=True)
class Key:
    """One key of the pool."""

    fingerprint: str
    secret: SecretStr

    def sign(self, text: str) -> str:
        """Return a proof that only somebody with this key can have made."""
        return hmac.new(self.secret.get_secret_value().encode(), text.encode(), hashlib.sha256).hexdigest()[:32]


@dataclass(frozen=True)
class Taken:
    """A key to order with; `was_resting` says that a success is to be told."""

    key: Key
    was_resting: bool


@dataclass(frozen=True)
class KeyState:
    """How a key fares, for admins: times in seconds since 1970; load and rest are None while Redis is away."""

    fingerprint: str
    load: int | None
    resting_until: float | None
    last_error: str | None


class KeyPool:
    """Chooses among the keys of the environment."""

    def __init__(self, secrets: Sequence[SecretStr], run: RunScript) -> None:
        self._keys = {key.fingerprint: key for key in map(_key, secrets)}
        self._run = run

    def find(self, fingerprint: str) -> Key | None:
        """Return the key with this fingerprint, unless it was removed from the environment."""
        return self._keys.get(fingerprint)

    def take(self, holder: str, *, without: Collection[str] = ()) -> Taken:
        """Return the key with the least load and count it as used by `holder`; raises NoKey when all rest."""
        keys = [key for name, key in self._keys.items() if name not in without]
        random.shuffle(keys)  # of equal ones any
        if not keys:
            raise NoKey("fal refused every key.")
        now = _now()
        answer = self._run(_TAKE, _names(keys), [now, holder, now + LOAD_SECONDS * 1000])
        if answer is None:
            return Taken(keys[0], was_resting=False)
        index, told = int(answer[0]), int(answer[1])
        if index == 0:
            raise NoKey(f"Every fal key rests, the first one for another {max(1, (told - now) // 1000)} s.")
        return Taken(keys[index - 1], was_resting=bool(told))

    def release(self, key: Key, holder: str) -> None:
        """Count a key as no longer used by `holder`."""
        self._run(_RELEASE, [_load(key)], [holder])

    def rest(self, key: Key, holder: str, code: str, *, at_least: float = 0) -> None:
        """Let a key rest because fal refused it; one that rests already is left alone, since many hear it at once."""
        pauses = [FIRST_REST[code] * 1000, LONGEST_REST[code] * 1000, int(at_least * 1000)]
        self._run(_REST, [_load(key), _rest(key)], [_now(), holder, code, *pauses])

    def works(self, key: Key) -> None:
        """Forget that a key was refused."""
        self._run(_FORGET_REST, [_rest(key)], [])

    def state(self) -> list[dict[str, Any]]:
        """Return per key: fingerprint, load, resting_until and last_error; never a key."""
        keys, now = list(self._keys.values()), _now()
        answer = self._run(_STATE, _names(keys), [now])
        if answer is None:
            return [asdict(KeyState(key.fingerprint, None, None, None)) for key in keys]
        return [asdict(_state(key, row, now)) for key, row in zip(keys, answer, strict=True)]


def _state(key: Key, row: Sequence[Any], now: int) -> KeyState:
    until, code = int(row[1]), row[2].decode() if isinstance(row[2], bytes) else str(row[2])
    return KeyState(key.fingerprint, int(row[0]), until / 1000 if until > now else None, code or None)


def _key(secret: SecretStr) -> Key:
    return Key(hashlib.sha256(b"fal key " + secret.get_secret_value().encode()).hexdigest()[:12], secret)


def _names(keys: Sequence[Key]) -> list[str]:
    return [*map(_load, keys), *map(_rest, keys)]


# One hash tag, so that all are in one slot of a cluster.
def _load(key: Key) -> str:
    return f"scrip:{{fal}}:load:{key.fingerprint}"


def _rest(key: Key) -> str:
    return f"scrip:{{fal}}:rest:{key.fingerprint}"


def _now() -> int:
    return int(time.time() * 1000)
